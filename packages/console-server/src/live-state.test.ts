import {
  companionStream,
  applyMessage,
  feedAnswerSchemas,
  GALLERY_FRAMES,
  KEPT_EVENTS,
  TABLE_ROWS,
  TABLES,
  type CompletedFact,
  type EventFact,
  type FeedAnswerOf,
  type LiveDelta,
  type LiveSnapshot,
  type LiveView,
  type ResponseFact,
  type ScopeFact,
  type TransmitterFact,
} from '@semcast/console-messages';
import { describe, expect, it } from 'vitest';
import { LiveState } from './live-state.js';

const urls = { transmitter: 'http://t', channel: 'http://c', receiver: 'http://r' };
const newState = () => new LiveState({ urls, needsToken: false });
const START = 1_700_000_000_000;

function transmitterAnswer(facts: readonly TransmitterFact[], completed = 0): FeedAnswerOf<'transmitter'> {
  return {
    boot: 'b',
    next: facts.length,
    missed: 0,
    items: facts.map((fact) => ({ ageMs: 0, fact })),
    status: {
      stream: 'demo',
      to: 'ws://c',
      link: { state: 'open' },
      settings: {
        decoder: 'jscc',
        decoderOptions: {},
        cbr: '1/24',
        waveform: 'ofdm',
        waveformOptions: {},
        digital: 'off',
        fps: 2,
        latest: false,
        photo: null,
        paused: false,
      },
      waveforms: {},
      csi: 'genie',
      rates: ['1/24'],
      photographs: [],
      decoders: ['jscc'],
      frames: { completed, dropped: 0, inFlight: 0, queued: 0 },
      wireBytes: { in: 10 * completed, out: 90 * completed },
    },
  };
}

function completedFact(frame: number, changes: Partial<CompletedFact> = {}): CompletedFact {
  return {
    kind: 'completed',
    frame,
    name: 'a.jpg',
    width: 64,
    height: 64,
    cbr: '1/24',
    channelUses: 512,
    decoder: 'jscc',
    decoderOptions: {},
    waveform: 'single-carrier',
    waveformOptions: {},
    supersedes: false,
    steps: 0,
    reducedSteps: false,
    figures: { psnrDb: 25, ssim: 0.9, msSsim: 0.95, 'vgg-distance': 0.4 },
    previewPsnrDb: null,
    residual: 1,
    csnrDb: { configured: 10, estimated: 9.5 },
    endToEndMs: 100,
    previewLatencyMs: null,
    decodeMs: 30,
    timingsMs: { read: 1, encode: 2, credit: 3, air: 4 },
    ...changes,
  };
}

/** On fading, with genie channel state: nothing is estimated. */
const FADED = { configured: 10, measured: 9, effective: 6, estimated: null };

const event = (message: string): EventFact => ({ kind: 'event', event: 'channel-changed', level: 'info', message });

const named = <Kind extends string>(kind: Kind, frame: number) => ({ kind, stream: 'demo', frame });
const NO_SIGNAL: Omit<ScopeFact, 'kind' | 'stream' | 'frame'> = {
  received: [],
  equalised: null,
  source: 'assumed',
  gainDb: null,
  carriers: null,
  samples: 0,
  snrDb: null,
  noiseVariance: null,
  effectiveSnrDb: null,
  estimatedSnrDb: null,
};

/** Facts without a status, which is of no account for them. */
function answerOf(facts: readonly unknown[]) {
  const status = { streams: [], decoders: [], models: {}, impairmentChoices: {}, schedules: {}, presets: {} };
  return { boot: 'b', next: 0, missed: 0, items: facts.map((fact) => ({ ageMs: 0, fact })), status } as never;
}

describe('the state of a console', () => {
  it('shows the only picture of one pass as the preview, and both of a sampler', () => {
    const state = newState();
    state.applyTransmitter(transmitterAnswer([completedFact(0)]), START);
    state.applyTransmitter(
      transmitterAnswer([
        completedFact(1, { steps: 20, figures: { psnrDb: 28 }, previewPsnrDb: 26, decoder: 'diffcom', csnrDb: FADED }),
      ]),
      START + 1000,
    );
    const { quality } = state.snapshot(START + 2000).tables;
    // time, configured, effective, estimated, preview, refined, …
    expect(quality.map((row) => row.slice(0, 6))).toEqual([
      [START, 10, null, 9.5, 25, null],
      [START + 1000, 10, 6, null, 26, 28],
    ]);
  });

  it('has a column for each metric, empty for a picture too small for it', () => {
    const state = newState();
    state.applyTransmitter(transmitterAnswer([completedFact(0)]), START);
    state.applyTransmitter(transmitterAnswer([completedFact(1, { figures: { psnrDb: 28 } })]), START + 1000);
    const msSsim = (TABLES.quality as readonly string[]).indexOf('msSsim') + 1;
    expect(state.snapshot(START + 2000).tables.quality.map((row) => row[msSsim])).toEqual([0.95, null]);
  });

  it('places facts by their age', () => {
    const state = newState();
    const answer = transmitterAnswer([completedFact(0), completedFact(1)]);
    const aged = { ...answer, items: answer.items.map(({ fact }, i) => ({ fact, ageMs: i === 0 ? 5000 : 1000 })) };
    state.applyTransmitter(aged, START);
    expect(state.snapshot(START).tables.quality.map(([atMs]) => atMs)).toEqual([START - 5000, START - 1000]);
  });

  it('shows the signal of a frame when channel and receiver have told of it, whichever comes first', () => {
    const state = newState();
    const told: ResponseFact[] = [];
    const seen: ScopeFact[] = [];
    const shown = () => [state.sections.scope?.frame, state.sections.response?.frame];
    const hearChannel = (frame: number): void => {
      told.push({ ...named('response', frame), gainDb: [0], gainOverFrameDb: null, taps: [], spectrumDb: null });
      state.applyChannel(answerOf(told.splice(0)), START);
    };
    const hearReceiver = (frame: number): void => {
      seen.push({ ...named('scope', frame), ...NO_SIGNAL });
      state.applyReceiver(answerOf(seen.splice(0)), START);
    };
    hearReceiver(0);
    expect(shown()).toEqual([0, undefined]);
    hearChannel(0);
    expect(shown()).toEqual([0, 0]);
    hearReceiver(1);
    expect(shown()).toEqual([0, 0]);
    hearChannel(2);
    hearChannel(1);
    expect(shown()).toEqual([1, 1]);
    hearReceiver(2);
    expect(shown()).toEqual([2, 2]);
    // A channel that went away holds nobody up.
    for (let frame = 3; frame < 20; frame++) {
      hearReceiver(frame);
    }
    expect(shown()).toEqual([19, undefined]);
  });

  it('tells a page exactly what it has not got', () => {
    const state = newState();
    let view = applyMessage(null, state.snapshot(START), START);
    let revision = state.revision;
    const hear = (nowMs: number): LiveDelta | null => {
      const delta = state.since(revision, nowMs);
      revision = state.revision;
      view = delta === null ? view : applyMessage(view, delta, nowMs);
      return delta;
    };
    expect(hear(START)).toBeNull();
    for (let i = 0; i < 20; i++) {
      state.applyTransmitter(transmitterAnswer([completedFact(i), event(`change ${i}`)], i), START + 300 * i);
      state.tick(START + 300 * i);
      hear(START + 300 * i);
    }
    state.tick(START + 9000);
    hear(START + 9000);
    const snapshot = state.snapshot(START + 9000);
    expect(view!.tables).toEqual(snapshot.tables);
    expect(view!.events).toEqual(snapshot.events);
    expect(view!.sections).toEqual(snapshot.sections);
    expect(snapshot.tables.quality).toHaveLength(20);
    expect(hear(START + 9000)).toBeNull();
  });

  it('leaves out of a delta what did not change', () => {
    const state = newState();
    state.applyTransmitter(transmitterAnswer([]), START);
    const { revision } = state;
    state.show(null);
    expect(state.since(revision, START)).toMatchObject({ sections: { shown: null }, tables: {}, events: [] });
    expect(Object.keys(state.since(revision, START)!.sections)).toEqual(['shown']);
  });

  it('gives rates as differences over some seconds, and none across a restart', () => {
    const state = newState();
    state.noteService('transmitter', null, START);
    for (let second = 0; second <= 12; second++) {
      const completed = second < 10 ? 4 * second : second - 10;
      state.applyTransmitter(transmitterAnswer([], completed), START + 1000 * second);
      state.tick(START + 1000 * second);
    }
    const { rates } = state.snapshot(START + 20_000).tables;
    expect(rates[0]).toEqual([START + 1000, 4, null, 400]);
    expect(rates[8]![1]).toBe(4);
    expect(rates.slice(9).map(([, rate]) => rate)).toEqual([1, 1]);
  });

  it('says when a service goes and comes, and not that it was there to begin with', () => {
    const state = newState();
    expect(state.noteService('receiver', null, START)).toBe(false);
    expect(state.noteService('receiver', null, START + 1)).toBe(false);
    expect(state.noteService('receiver', 'nobody listens there', START + 2)).toBe(true);
    expect(state.noteService('receiver', 'still nobody', START + 3)).toBe(false);
    expect(state.sections.services.receiver).toEqual({
      state: 'away',
      sinceMs: START + 2,
      message: 'nobody listens there',
      url: 'http://r',
    });
    expect(state.noteService('receiver', null, START + 4)).toBe(true);
    // One that starts after the console.
    const early = newState();
    expect(early.noteService('channel', 'nobody', START)).toBe(false);
    expect(early.noteService('channel', null, START + 1)).toBe(false);
  });

  it('tells the like of an event as one, with how often', () => {
    const state = newState();
    const facts = ['a', 'b', 'a', 'a'].map(event);
    state.applyTransmitter(transmitterAnswer(facts), START);
    state.applyTransmitter(transmitterAnswer([event('a')]), START + 30_000);
    expect(state.snapshot(START).events.map(({ message, times }) => [message, times])).toEqual([
      ['a', 3],
      ['b', 1],
      ['a', 1],
    ]);
  });

  it('is bounded, and so is what a page makes of it', () => {
    const state = newState();
    let view: LiveView | null = applyMessage(null, state.snapshot(START), START);
    let revision = state.revision;
    for (let i = 0; i < 3 * TABLE_ROWS; i++) {
      const nowMs = START + 250 * i;
      state.applyTransmitter(transmitterAnswer([completedFact(i), event(`change ${i}`)], i), nowMs);
      const snr = { snrDb: 1, effectiveSnrDb: null, estimatedSnrDb: 1 };
      const gone = state.keep({
        id: i,
        frame: i,
        name: 'a',
        decoder: 'jscc',
        url: `/${i}`,
        steps: 0,
        psnrDb: 1,
        ...snr,
      });
      expect(gone.map(({ id }) => id)).toEqual(i < GALLERY_FRAMES ? [] : [i - GALLERY_FRAMES]);
      if (i % 7 === 0) {
        view = applyMessage(view, state.since(revision, nowMs)!, nowMs);
        revision = state.revision;
      }
    }
    const snapshot: LiveSnapshot = state.snapshot(START + 1e9);
    for (const { tables, events, sections } of [snapshot, view!]) {
      expect(tables.quality.length).toBe(TABLE_ROWS);
      expect(events.length).toBe(KEPT_EVENTS);
      expect(sections.gallery.length).toBe(GALLERY_FRAMES);
    }
    // A page that comes back after a long time gets no more than there is.
    expect(state.since(-1, START + 1e9)!.tables.quality!.length).toBe(TABLE_ROWS);
  });
});

describe('the table of streams', () => {
  const status = (streams: readonly string[]) => ({
    decoders: [],
    bundle: { name: 'b', version: '1', digest: 'd', csnrDb: { min: 0, max: 20 } },
    device: 'cpu',
    workers: 1,
    queue: { waiting: 0, decoding: 0 },
    streams: streams.map((stream) => ({ stream, agent: 'a', role: 'channel', csi: 'genie', remoteAddress: '1.2.3.4' })),
  });
  const decoded = (stream: string, frame: number) => ({
    ageMs: 0,
    fact: {
      kind: 'decoded' as const,
      stream,
      frame,
      decoder: 'jscc',
      csi: 'none',
      steps: 0,
      residual: 1.5,
      csnrDb: { estimated: 7 },
      timingsMs: { queue: 1, preview: 2, decode: 3, total: 4 },
      queueDepth: 0,
      batchSize: 1,
    },
  });

  it('takes residuals that come after their pictures, of the stream that is watched for its curve', () => {
    const state = newState();
    state.applyTransmitter(transmitterAnswer([completedFact(0, { residual: null })]), START);
    const watched = state.sections.transmitter!.stream;
    const later = (stream: string, residual: number) => ({
      ageMs: 0,
      fact: { kind: 'residual' as const, stream, frame: 0, decoder: 'jscc', residual },
    });
    const bare = [watched, 'other'].map((stream) => {
      const { fact, ageMs } = decoded(stream, 0);
      return { ageMs, fact: { ...fact, residual: null } };
    });
    state.applyReceiver({ boot: 'x', next: 2, missed: 0, items: bare, status: status([]) }, START);
    expect(state.sections.streams.map(({ residual }) => residual)).toEqual([null, null]);
    const items = [later(watched, 1.25), later('other', 9), later('gone', 3)];
    state.applyReceiver({ boot: 'x', next: 5, missed: 0, items, status: status([]) }, START + 1000);
    const residuals = new Map(state.sections.streams.map(({ stream, residual }) => [stream, residual]));
    expect(residuals).toEqual(
      new Map([
        [watched, 1.25],
        ['other', 9],
      ]),
    );
    // The next picture comes before its own: the table keeps the newest that is known.
    state.applyReceiver({ boot: 'x', next: 6, missed: 0, items: [bare[0]!], status: status([]) }, START + 2000);
    expect(state.sections.streams.find(({ stream }) => stream === watched)).toMatchObject({
      frames: 2,
      residual: 1.25,
    });
    expect(state.snapshot(START + 3000).tables.residuals).toEqual([[START + 1000, 1.25]]);
  });

  it('shows symbols and times of the stream that is watched, not of its companions, which are counted', () => {
    const state = newState();
    state.applyTransmitter(transmitterAnswer([completedFact(0)]), START);
    const { stream } = state.sections.transmitter!;
    const companions = companionStream(stream);
    const scope = (of: string) => ({ kind: 'scope' as const, stream: of, frame: 0, ...NO_SIGNAL });
    const items = [decoded(stream, 0), decoded(companions, 0)];
    const scopes = [scope(stream), scope(companions)].map((fact) => ({ ageMs: 0, fact }));
    state.applyReceiver(
      { boot: 'x', next: 4, missed: 0, items: [...items, ...scopes], status: status([]) },
      START + 1000,
    );
    expect(state.sections.scope!.stream).toBe(stream);
    expect(state.snapshot(START + 2000).tables.decoding).toHaveLength(1);
    expect(state.sections.streams.map((row) => [row.stream, row.frames])).toEqual([
      [stream, 1],
      [companions, 1],
    ]);
  });

  it('counts each stream, and lets go of those that have gone', () => {
    const state = newState();
    const items = [decoded('b', 0), decoded('a', 0), decoded('b', 1)];
    state.applyReceiver({ boot: 'x', next: 3, missed: 0, items, status: status(['a', 'b']) }, START);
    expect(state.sections.streams.map(({ stream, frames, linked }) => [stream, frames, linked])).toEqual([
      ['a', 1, true],
      ['b', 2, true],
    ]);
    expect(state.sections.streams[1]).toMatchObject({
      framesPerSecond: 0.2,
      csi: 'none',
      estimatedSnrDb: 7,
      residual: 1.5,
    });
    const empty = { boot: 'x', next: 3, missed: 0, items: [] };
    state.applyReceiver({ ...empty, status: status(['a']) }, START + 10_000);
    expect(state.sections.streams.map(({ stream, linked }) => [stream, linked])).toEqual([
      ['a', true],
      ['b', false],
    ]);
    state.applyReceiver({ ...empty, status: status(['a']) }, START + 70_000);
    expect(state.sections.streams.map(({ stream }) => stream)).toEqual(['a']);
  });

  it('is bounded, whatever streams there are', () => {
    const state = newState();
    for (let i = 0; i < 500; i++) {
      const items = [decoded(`s${i}`, 0)];
      state.applyReceiver({ boot: 'x', next: i, missed: 0, items, status: status([]) }, START + i);
    }
    expect(state.sections.streams.length).toBe(64);
  });
});

describe('the answers of feeds', () => {
  it('are taken with what an older console does not know, which is left out', () => {
    const answer = transmitterAnswer([completedFact(0)]);
    const newer = { ...answer, more: 1, status: { ...answer.status, colour: 'red' } };
    expect(feedAnswerSchemas.transmitter.parse(JSON.parse(JSON.stringify(newer)))).toEqual(answer);
  });

  it.each([
    ['no status', { ...transmitterAnswer([]), status: undefined }],
    ['an unknown fact', { ...transmitterAnswer([]), items: [{ ageMs: 0, fact: { kind: 'rumour' } }] }],
    ['a negative age', { ...transmitterAnswer([]), items: [{ ageMs: -1, fact: event('a') }] }],
    ['more than there may be', { ...transmitterAnswer([]), items: Array.from({ length: 10_001 }, () => null) }],
  ])('are refused with %s', (_, answer) => {
    expect(feedAnswerSchemas.transmitter.safeParse(answer).success).toBe(false);
  });
});

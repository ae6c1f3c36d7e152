import {
  companionStream,
  type CompletedFact,
  type DecodedFact,
  type EventFact,
  type FeedAnswerOf,
  type FrameSnr,
  GALLERY_FRAMES,
  type GalleryEntry,
  KEPT_EVENTS,
  LIVE_SERVICES,
  LIVE_VERSION,
  type LiveDelta,
  type LiveService,
  type LiveSnapshot,
  type Offers,
  type ReceiverLiveStatus,
  type ResidualFact,
  type ResponseFact,
  type ScopeFact,
  type Sections,
  type ServiceState,
  type ShownEvent,
  type ShownFrame,
  type StreamRow,
  TABLE_ROWS,
  type TableName,
  TABLES,
} from '@semcast/console-messages';
import { otherMetrics } from '@semcast/quality';
import { Table } from './table.js';

/** Rows of one slot are averaged: a view of TABLE_ROWS rows is never shorter than five minutes. */
const SLOT_MS = 250;
/** Events with the same message within this time of the first of them are shown as one. */
const SAME_EVENT_MS = 10_000;
/** Among so many of the newest events: two kinds that alternate are two lines. */
const SAME_EVENTS_BACK = 8;
/** Frames whose signal waits for what the other side tells of it: channel before, receiver after decoding. */
const KEPT_RESPONSES = 64;
const KEPT_SCOPES = 8;
/** A stream without a frame for this long leaves the table unless it is linked. */
const STREAM_IDLE_MS = 60_000;
const MAX_STREAMS = 64;
/** Frames per second are those of the last so many milliseconds. */
const RATE_WINDOW_MS = 10_000;
/** The same of a stream so slow that fewer frames than this come meanwhile: those of the last minute. */
const FEW_FRAMES = 3;
const SLOW_WINDOW_MS = 60_000;
/** Times of frames kept for that, of each stream. */
const MAX_RECENT = 256;

interface StreamStats {
  readonly recentMs: number[];
  frames: number;
  newest: DecodedFact | undefined;
  residual: number | null;
  seenMs: number;
}

/** Totals at a moment, of which rates are differences. */
interface Totals {
  readonly atMs: number;
  readonly completed: number | undefined;
  readonly channelUses: number | undefined;
  readonly wireBytes: number | undefined;
}

const TOTALS = ['completed', 'channelUses', 'wireBytes'] as const;

export interface LiveStateOptions {
  /** Where the services answer, for people to read. */
  readonly urls: Readonly<Record<LiveService, string>>;
  readonly needsToken: boolean;
}

/**
 * What a console shows, gathered from the feeds of three services: statuses, curves, events, pictures' whereabouts.
 *
 * Every part has a revision, so that a page that has seen revision n gets exactly what came after it, however slow it
 * reads: nothing is queued for a page. All of it is bounded. Time is an argument, in milliseconds since 1970.
 */
export class LiveState {
  readonly #needsToken: boolean;
  readonly #sections: { [Name in keyof Sections]: Sections[Name] };
  readonly #revisions = new Map<keyof Sections, number>();
  readonly #tables: Readonly<Record<TableName, Table>>;
  readonly #events: { readonly revision: number; readonly event: ShownEvent }[] = [];
  readonly #streams = new Map<string, StreamStats>();
  /** Newest last. */
  readonly #scopes: ScopeFact[] = [];
  readonly #responses: ResponseFact[] = [];
  #revision = 0;
  #nextEventId = 1;
  /** Services that have answered. */
  readonly #seen = new Set<LiveService>();
  /** Of the last seconds, the oldest first. */
  readonly #totals: Totals[] = [];

  constructor({ urls, needsToken }: LiveStateOptions) {
    this.#needsToken = needsToken;
    const unknown = { state: 'unknown', sinceMs: 0, message: '' } as const;
    this.#sections = {
      services: {
        transmitter: { ...unknown, url: urls.transmitter },
        channel: { ...unknown, url: urls.channel },
        receiver: { ...unknown, url: urls.receiver },
      },
      transmitter: null,
      channel: null,
      receiver: null,
      offers: { models: {}, impairmentChoices: {}, schedules: {}, presets: {}, decoders: [], waveforms: {} },
      shown: null,
      gallery: [],
      streams: [],
      scope: null,
      response: null,
    };
    this.#tables = eachTable((name) => new Table({ columns: TABLES[name], capacity: TABLE_ROWS, slotMs: SLOT_MS }));
  }

  /** Grows with every change. */
  get revision(): number {
    return this.#revision;
  }

  get sections(): Sections {
    return this.#sections;
  }

  /** A service answered. Returns its facts with the time of each, for whoever has more to do with them. */
  applyTransmitter(answer: FeedAnswerOf<'transmitter'>, nowMs: number): void {
    const { waveforms, ...status } = answer.status;
    this.#set('transmitter', status);
    this.#setOffers({ waveforms });
    for (const { ageMs, fact } of answer.items) {
      if (fact.kind === 'event') {
        this.#addEvent('transmitter', fact, nowMs - ageMs);
      } else if (fact.kind === 'completed') {
        this.#addQuality(fact, nowMs - ageMs);
      }
    }
  }

  applyChannel(answer: FeedAnswerOf<'channel'>, nowMs: number): void {
    const { models, impairmentChoices, schedules, presets, ...status } = answer.status;
    this.#set('channel', status);
    this.#setOffers({ models, impairmentChoices, schedules, presets });
    for (const { ageMs, fact } of answer.items) {
      if (fact.kind === 'event') {
        this.#addEvent('channel', fact, nowMs - ageMs);
      } else {
        this.#responses.push(fact);
      }
    }
    this.#responses.splice(0, this.#responses.length - KEPT_RESPONSES);
    this.#showSignal();
  }

  applyReceiver(answer: FeedAnswerOf<'receiver'>, nowMs: number): void {
    const { decoders, streams: _, ...status } = answer.status;
    this.#set('receiver', status);
    this.#setOffers({ decoders });
    for (const { ageMs, fact } of answer.items) {
      if (fact.kind === 'event') {
        this.#addEvent('receiver', fact, nowMs - ageMs);
      } else if (fact.kind === 'scope') {
        if (!this.#isCompanion(fact.stream)) {
          this.#scopes.push(fact);
        }
      } else if (fact.kind === 'residual') {
        this.#addResidual(fact, nowMs - ageMs);
      } else {
        this.#addDecoded(fact, nowMs - ageMs);
      }
    }
    this.#scopes.splice(0, this.#scopes.length - KEPT_SCOPES);
    this.#showSignal();
    this.#set('streams', this.#streamRows(answer.status, nowMs));
  }

  /** That of the newest frame of which channel and receiver have told; where there is none, the receiver's newest. */
  #showSignal(): void {
    const responseTo = (scope: ScopeFact): ResponseFact | undefined =>
      this.#responses.findLast(({ stream, frame }) => stream === scope.stream && frame === scope.frame);
    const scope = this.#scopes.findLast((each) => responseTo(each) !== undefined) ?? this.#scopes.at(-1);
    if (scope === undefined) {
      return;
    }
    const response = responseTo(scope) ?? null;
    if (scope !== this.#sections.scope || response !== this.#sections.response) {
      this.#set('scope', scope);
      this.#set('response', response);
    }
  }

  /**
   * A service answers, or doesn't.
   *
   * @param message why not; null when it does
   * @returns whether that is news: it did before and doesn't any more, or the other way round
   */
  noteService(service: LiveService, message: string | null, nowMs: number): boolean {
    const before = this.#sections.services[service];
    const state = message === null ? 'here' : 'away';
    if (before.state === state) {
      return false;
    }
    const after: ServiceState = { ...before, state, message: message ?? '', sinceMs: nowMs };
    this.#set('services', { ...this.#sections.services, [service]: after });
    // A service that was never there is one that starts: no event, nor is its coming.
    const seen = this.#seen.has(service);
    if (state === 'here') {
      this.#seen.add(service);
    }
    return seen;
  }

  /** An event that the console itself saw. */
  addOwnEvent(event: Omit<EventFact, 'kind'>, nowMs: number): void {
    this.#addEvent('console', { kind: 'event', ...event }, nowMs);
  }

  show(frame: ShownFrame | null): void {
    this.#set('shown', frame);
  }

  /** Put a frame into the gallery. Returns the entries that left it. */
  keep(entry: GalleryEntry): readonly GalleryEntry[] {
    const all = [...this.#sections.gallery, entry];
    this.#set('gallery', all.slice(-GALLERY_FRAMES));
    return all.slice(0, -GALLERY_FRAMES);
  }

  /** Once a second or so: rates, and rows of slots that have passed. */
  tick(nowMs: number): void {
    this.#addRates(nowMs);
    this.#settle(nowMs);
  }

  /** Make rows of what has been gathered, before it is told. */
  #settle(nowMs: number): void {
    for (const table of Object.values(this.#tables)) {
      if (table.settle(nowMs, this.#revision + 1)) {
        this.#revision++;
      }
    }
  }

  snapshot(nowMs: number): LiveSnapshot {
    this.#settle(nowMs);
    return {
      type: 'snapshot',
      version: LIVE_VERSION,
      needsToken: this.#needsToken,
      sections: { ...this.#sections },
      tables: eachTable((name) => this.#tables[name].since(-1)),
      events: this.#events.map(({ event }) => event),
      nowMs,
    };
  }

  /** What came after a revision; null when nothing did. */
  since(revision: number, nowMs: number): LiveDelta | null {
    this.#settle(nowMs);
    if (revision >= this.#revision) {
      return null;
    }
    const sections = Object.fromEntries(
      [...this.#revisions].filter(([, at]) => at > revision).map(([name]) => [name, this.#sections[name]]),
    ) as Partial<Sections>;
    const tables: Partial<Record<TableName, ReturnType<Table['since']>>> = {};
    for (const [name, table] of Object.entries(this.#tables) as [TableName, Table][]) {
      const rows = table.since(revision);
      if (rows.length > 0) {
        tables[name] = rows;
      }
    }
    const events = this.#events.filter((kept) => kept.revision > revision).map(({ event }) => event);
    return { type: 'delta', sections, tables, events, nowMs };
  }

  #set<Name extends keyof Sections>(name: Name, value: Sections[Name]): void {
    this.#sections[name] = value;
    this.#revisions.set(name, ++this.#revision);
  }

  /** Large and nearly always the same: not worth telling every second. */
  #setOffers(change: Partial<Offers>): void {
    const offers = { ...this.#sections.offers, ...change };
    if (JSON.stringify(offers) !== JSON.stringify(this.#sections.offers)) {
      this.#set('offers', offers);
    }
  }

  #addEvent(service: LiveService | 'console', fact: EventFact, atMs: number): void {
    const revision = ++this.#revision;
    const from = Math.max(0, this.#events.length - SAME_EVENTS_BACK);
    const same = this.#events.findIndex(
      ({ event: other }, index) =>
        index >= from &&
        other.service === service &&
        other.event === fact.event &&
        other.message === fact.message &&
        atMs - other.atMs < SAME_EVENT_MS,
    );
    if (same !== -1) {
      const { event: known } = this.#events[same]!;
      this.#events[same] = { revision, event: { ...known, times: known.times + 1 } };
      return;
    }
    const { event, level, message } = fact;
    this.#events.push({
      revision,
      event: { id: this.#nextEventId++, atMs, service, event, level, message, times: 1 },
    });
    if (this.#events.length > KEPT_EVENTS) {
      this.#events.shift();
    }
  }

  #addQuality(fact: CompletedFact, atMs: number): void {
    const snr = snrOf(fact);
    const onePass = fact.previewPsnrDb === null;
    this.#tables.quality.add(
      atMs,
      [
        snr.snrDb,
        snr.effectiveSnrDb,
        snr.estimatedSnrDb,
        onePass ? fact.figures.psnrDb : fact.previewPsnrDb,
        onePass ? null : fact.figures.psnrDb,
        ...otherMetrics.map(({ name }) => fact.figures[name] ?? null),
        fact.timingsMs.encode,
        fact.timingsMs.air,
        fact.previewLatencyMs,
        fact.endToEndMs,
      ],
      ++this.#revision,
    );
    if (fact.residual !== null) {
      this.#tables.residuals.add(atMs, [fact.residual], ++this.#revision);
    }
  }

  /** One that came after its picture; the receiver tells those of all streams. */
  #addResidual({ stream, residual }: ResidualFact, atMs: number): void {
    const stats = this.#streams.get(stream);
    if (stats !== undefined) {
      stats.residual = residual;
    }
    if (stream === this.#sections.transmitter?.stream) {
      this.#tables.residuals.add(atMs, [residual], ++this.#revision);
    }
  }

  /** Whether these are companions of the stream that is watched: symbols and times beside its pictures are not theirs. */
  #isCompanion(stream: string): boolean {
    return stream === companionStream(this.#sections.transmitter?.stream ?? '');
  }

  #addDecoded(fact: DecodedFact, atMs: number): void {
    const { queue, decode, total } = fact.timingsMs;
    if (!this.#isCompanion(fact.stream)) {
      this.#tables.decoding.add(atMs, [queue, decode, total, fact.queueDepth, fact.batchSize], ++this.#revision);
    }
    const stats = this.#streams.get(fact.stream) ?? {
      recentMs: [],
      frames: 0,
      newest: undefined,
      residual: null,
      seenMs: atMs,
    };
    this.#streams.set(fact.stream, stats);
    stats.frames++;
    stats.newest = fact;
    stats.residual = fact.residual ?? stats.residual;
    stats.seenMs = atMs;
    stats.recentMs.push(atMs);
    if (stats.recentMs.length > MAX_RECENT) {
      stats.recentMs.shift();
    }
  }

  #streamRows(status: ReceiverLiveStatus, nowMs: number): StreamRow[] {
    const linked = new Map(status.streams.map((stream) => [stream.stream, stream]));
    const byAge = [...this.#streams].sort(([, a], [, b]) => b.seenMs - a.seenMs);
    for (const [index, [stream, { seenMs }]] of byAge.entries()) {
      if (index >= MAX_STREAMS || (!linked.has(stream) && nowMs - seenMs > STREAM_IDLE_MS)) {
        this.#streams.delete(stream);
      }
    }
    const names = [...new Set([...linked.keys(), ...this.#streams.keys()])].sort().slice(0, MAX_STREAMS);
    return names.map((stream) => {
      const link = linked.get(stream);
      const stats = this.#streams.get(stream);
      const recent = (stats?.recentMs ?? []).filter((atMs) => nowMs - atMs < RATE_WINDOW_MS);
      return {
        stream,
        linked: link !== undefined,
        decoder: stats?.newest?.decoder ?? '',
        csi: stats?.newest?.csi ?? link?.csi ?? '',
        agent: link?.agent ?? '',
        remoteAddress: link?.remoteAddress ?? '',
        frames: stats?.frames ?? 0,
        framesPerSecond: recent.length / (RATE_WINDOW_MS / 1000),
        effectiveSnrDb: stats?.newest?.csnrDb.effective ?? null,
        estimatedSnrDb: stats?.newest?.csnrDb.estimated ?? null,
        residual: stats?.residual ?? null,
        totalMs: stats?.newest?.timingsMs.total ?? null,
      };
    });
  }

  #addRates(nowMs: number): void {
    const { services, transmitter, channel } = this.#sections;
    const here = (service: LiveService): boolean => services[service].state === 'here';
    const totals: Totals = {
      atMs: nowMs,
      completed: here('transmitter') ? transmitter?.frames.completed : undefined,
      channelUses: here('channel') ? channel?.channelUses : undefined,
      wireBytes: here('transmitter') ? bytesOf(transmitter) : undefined,
    };
    const last = this.#totals.at(-1);
    if (last !== undefined && TOTALS.some((name) => (totals[name] ?? 0) < (last[name] ?? 0))) {
      // A service went away or started anew: nothing before can be compared with what comes.
      this.#totals.length = 0;
    }
    const before =
      this.#totals.findLast(
        ({ atMs, completed = 0 }) =>
          nowMs - atMs >= RATE_WINDOW_MS && (totals.completed ?? completed) - completed >= FEW_FRAMES,
      ) ?? this.#totals[0];
    this.#totals.push(totals);
    while (this.#totals.length > 1 && nowMs - this.#totals[0]!.atMs >= SLOW_WINDOW_MS) {
      this.#totals.shift();
    }
    if (before === undefined || LIVE_SERVICES.every((service) => !here(service))) {
      return;
    }
    const seconds = (nowMs - before.atMs) / 1000;
    const rate = (now: number | undefined, then: number | undefined): number | null =>
      now === undefined || then === undefined || seconds <= 0 ? null : (now - then) / seconds;
    this.#tables.rates.add(
      nowMs,
      [
        rate(totals.completed, before.completed),
        rate(totals.channelUses, before.channelUses),
        rate(totals.wireBytes, before.wireBytes),
      ],
      ++this.#revision,
    );
  }
}

function eachTable<Value>(make: (name: TableName) => Value): Record<TableName, Value> {
  return Object.fromEntries(Object.keys(TABLES).map((name) => [name, make(name as TableName)])) as Record<
    TableName,
    Value
  >;
}

function bytesOf(status: Sections['transmitter']): number | undefined {
  return status === null ? undefined : status.wireBytes.in + status.wireBytes.out;
}

/** The SNRs of a frame, as a page shows them. */
export function snrOf({ csnrDb }: Pick<CompletedFact, 'csnrDb'>): FrameSnr {
  return {
    snrDb: csnrDb.configured ?? null,
    effectiveSnrDb: csnrDb.effective ?? null,
    estimatedSnrDb: csnrDb.estimated,
  };
}

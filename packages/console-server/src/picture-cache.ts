import { imageFormatOf, openImage, type ImageFormat } from '@semcast/images';
import { snrOf, type LiveState } from './live-state.js';
import {
  DIGITAL,
  PICTURE_STAGES,
  type CompanionFact,
  type CompletedFact,
  type FrameSnr,
  type FrameRecord,
  type MeasuredFact,
  type PartialFact,
  type PictureStage,
  type ResidualFact,
  type ShownPicture,
} from '@semcast/console-messages';
import type { Answer } from './ask.js';

export interface PictureCacheOptions {
  readonly state: LiveState;
  /** Get a picture from the transmitter; rejects when it can't be had. */
  readonly fetchPicture: (frame: number, stage: PictureStage, signal: AbortSignal) => Promise<Answer>;
  readonly maxBytes: number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

/** A picture as a file's bytes. */
export interface CachedPicture {
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** A frame is shown at least this long: pictures cost the machine that sends them, and an eye wants to see them. */
const DWELL_MS = 500;
/** So long a refined picture stays beside its preview, however long it took and whatever waits: it is what one came for. */
const REFINED_DWELL_MS = 1000;
/** A frame that is being refined, and of which nothing was heard for so long, is not waited for. */
const SILENT_MS = 15_000;
/** Longest side of a thumbnail, in pixels. */
const THUMBNAIL_SIDE = 160;
/** Frames that may still become the one that is shown. */
const MAX_CANDIDATES = 64;
/** Pictures of the frames shown before are kept a little: a page on a slow way may be about to load them. */
const KEPT_FRAMES = 8;
/** A small picture that takes longer is left out. */
const THUMBNAIL_TIMEOUT_MS = 5000;
/** So is one that takes more memory: 16.8 million pixels in every format that is shown need less. */
const MAX_THUMBNAIL_DECODE_BYTES = 160 * 1024 ** 2;
/** Formats that a transmitter may show: those of results and of its own pictures. */
const SHOWN_FORMATS: ReadonlySet<ImageFormat> = new Set(['png', 'webp', 'jpeg']);

type About = Pick<PartialFact, 'frame' | 'name' | 'width' | 'height' | 'decoder' | 'supersedes'>;

/** What is known of a picture that there is. */
type Known = Pick<ShownPicture, 'steps' | 'figures' | 'residual' | 'endToEndMs'>;

const ORIGINAL: Known = { steps: 0, figures: null, residual: null, endToEndMs: null };

interface Candidate {
  readonly about: About;
  readonly known: Map<PictureStage, Known>;
  snr: FrameSnr;
  completed: CompletedFact | undefined;
  done: boolean;
  /** A newer frame took its place. */
  superseded: boolean;
}

/** The frame that is followed; never the same object for two frames. */
interface Focus extends Candidate {
  readonly sinceMs: number;
  /** When its final picture was shown. */
  finalMs: number | undefined;
  /** When there was news of it. */
  newsMs: number;
  /** Where its pictures are, empty where one can't be had, and the steps behind each. */
  readonly fetched: Map<PictureStage, { readonly url: string; readonly steps: number }>;
}

/** A frame of the gallery. */
interface Kept {
  readonly focus: Focus;
  record: FrameRecord;
}

/** The last picture of a frame beyond its preview, and of which photograph it is. */
interface Refined {
  readonly name: string;
  readonly picture: ShownPicture;
}

/**
 * Chooses the frame whose pictures are shown, and gets them from the transmitter before they are gone there.
 *
 * One frame at a time: while it is being refined its newest picture is followed, and when it is done and has been seen
 * the newest other frame takes its place. One that was sent to show a change takes it at once, and what was refined of
 * the same photograph stays beside it until there is something newer. Whatever the rate of frames, pictures are fetched one after the other and no
 * faster than somebody could look at them.
 */
export class PictureCache {
  readonly #options: PictureCacheOptions;
  readonly #now: () => number;
  readonly #candidates = new Map<number, Candidate>();
  /** By path; the oldest first. */
  readonly #files = new Map<string, CachedPicture & { readonly owner: object }>();
  readonly #thumbnails = new Map<string, CachedPicture>();
  #bytes = 0;
  #focus: Focus | undefined;
  #refined: Refined | undefined;
  /** The same of the digital link. */
  #digital: Refined | undefined;
  /** Companions whose picture hasn't been fetched, by photograph: the newest of each. */
  readonly #companions = new Map<string, CompanionFact>();
  /** The frames of the gallery, whose files are kept. */
  readonly #gallery = new Map<number, Kept>();
  #working: Promise<void> | undefined;
  /** Something was heard that hasn't been looked at. */
  #news = false;
  #serial = 0;
  #next: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();

  constructor(options: PictureCacheOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** A file that a page asks for. */
  read(path: string): CachedPicture | undefined {
    return this.#files.get(path) ?? this.#thumbnails.get(path);
  }

  /** What is known of a frame of the gallery. */
  record(id: number): FrameRecord | undefined {
    return this.#gallery.get(id)?.record;
  }

  /** Whether there was a file at this path, which gave way to newer ones. */
  wasThere(path: string): boolean {
    const serial = /-(\d+)$/.exec(path)?.[1] ?? /^\/thumbnails\/(\d+)$/.exec(path)?.[1];
    return serial !== undefined && Number(serial) < this.#serial;
  }

  /** Bytes of the pictures that are kept, thumbnails left out. */
  get bytes(): number {
    return this.#bytes;
  }

  notePartial({ stage, steps, endToEndMs, ...fact }: PartialFact): void {
    const candidate = this.#candidateOf(fact);
    candidate.snr = snrOf(fact);
    candidate.known.set(stage, { ...ORIGINAL, steps, endToEndMs });
    this.#work();
  }

  /** The figures of a preview. */
  noteMeasured({ frame, figures }: MeasuredFact): void {
    this.#learn(frame, 'preview', { figures });
  }

  noteCompleted(fact: CompletedFact): void {
    const candidate = this.#candidateOf(fact);
    const { steps, figures, residual, endToEndMs } = fact;
    candidate.snr = snrOf(fact);
    candidate.known.set('final', { steps, figures, residual, endToEndMs });
    const preview = candidate.known.get('preview');
    if (preview?.figures === null && fact.previewPsnrDb !== null) {
      candidate.known.set('preview', { ...preview, figures: { psnrDb: fact.previewPsnrDb } });
    }
    candidate.completed = fact;
    candidate.done = true;
    this.#work();
  }

  /** The companion of a frame came back. */
  noteCompanion(fact: CompanionFact): void {
    this.#companions.delete(fact.name);
    this.#companions.set(fact.name, fact);
    if (this.#companions.size > MAX_CANDIDATES) {
      this.#companions.delete(this.#companions.keys().next().value!);
    }
    this.#work();
  }

  /** The residual of a final picture of the stream. */
  noteResidual({ frame, residual }: Pick<ResidualFact, 'frame' | 'residual'>): void {
    this.#learn(frame, 'final', { residual });
    const kept = [...this.#gallery.values()].findLast(({ record }) => record.frame === frame);
    if (kept !== undefined) {
      kept.record = { ...kept.record, residual: kept.record.residual ?? residual };
    }
  }

  /** A frame ended without a (final) picture. */
  noteDropped(frame: number, superseded: boolean): void {
    this.#candidates.delete(frame);
    if (this.#focus?.about.frame === frame) {
      Object.assign(this.#focus, { done: true, superseded });
      this.#work();
    }
  }

  /** Another life of the transmitter: frame numbers mean other pictures. */
  reset(): void {
    this.#candidates.clear();
    this.#companions.clear();
    this.#focus = undefined;
    this.#refined = undefined;
    this.#digital = undefined;
  }

  /** Something more is known of a picture. */
  #learn(frame: number, stage: PictureStage, more: Partial<Known>): void {
    const candidate = this.#focus?.about.frame === frame ? this.#focus : this.#candidates.get(frame);
    const known = candidate?.known.get(stage);
    if (known !== undefined) {
      candidate!.known.set(stage, { ...known, ...more });
    }
    const refined = this.#refined?.picture;
    if (refined?.frame === frame && refined.stage === stage) {
      this.#refined = { ...this.#refined!, picture: { ...refined, ...more } };
    }
    if (this.#focus !== undefined && (candidate === this.#focus || refined?.frame === frame)) {
      this.#show(this.#focus);
    }
  }

  /** Stop; resolves when nothing is under way. */
  async close(): Promise<void> {
    clearTimeout(this.#next);
    this.#candidates.clear();
    this.#focus = undefined;
    this.#closing.abort();
    await this.#working;
    clearTimeout(this.#next);
  }

  #candidateOf({ frame, name, width, height, decoder, supersedes }: About): Candidate {
    if (this.#focus?.about.frame === frame) {
      this.#focus.newsMs = this.#now();
      return this.#focus;
    }
    const known = this.#candidates.get(frame);
    if (known !== undefined) {
      return known;
    }
    const candidate: Candidate = {
      about: { frame, name, width, height, decoder, supersedes },
      known: new Map<PictureStage, Known>([['original', ORIGINAL]]),
      snr: { snrDb: null, effectiveSnrDb: null, estimatedSnrDb: null },
      completed: undefined,
      done: false,
      superseded: false,
    };
    this.#candidates.set(frame, candidate);
    if (this.#candidates.size > MAX_CANDIDATES) {
      this.#candidates.delete(this.#candidates.keys().next().value!);
    }
    return candidate;
  }

  #work(): void {
    this.#news = true;
    this.#working ??= this.#run().finally(() => {
      this.#working = undefined;
      // News may have come between the last look and now.
      if (this.#news) {
        this.#work();
      }
    });
  }

  async #run(): Promise<void> {
    while (this.#news) {
      this.#news = false;
      await this.#catchUp();
    }
  }

  /** Fetch what is there to be fetched; then look whether another frame is to be shown. */
  async #catchUp(): Promise<void> {
    for (;;) {
      await this.#fetchCompanion();
      const focus = this.#choose();
      if (focus === undefined) {
        return;
      }
      const stage = missingStage(focus);
      if (stage === undefined) {
        return;
      }
      await this.#fetch(focus, stage);
    }
  }

  #choose(): Focus | undefined {
    const focus = this.#focus;
    // The newest that has something to show beside its original; those before it have had their time.
    const newest = [...this.#candidates.values()].findLast(({ known }) => known.size > 1);
    const yields =
      focus === undefined ||
      focus.superseded ||
      (newest?.about.supersedes === true && newest.about.frame > focus.about.frame);
    if (!yields && (this.#isUnderWay(focus) || missingStage(focus) !== undefined)) {
      return focus;
    }
    const leftMs = yields ? 0 : shownUntil(focus) - this.#now();
    if (leftMs > 0) {
      clearTimeout(this.#next);
      this.#next = setTimeout(() => {
        this.#work();
      }, leftMs);
      return undefined;
    }
    if (newest === undefined) {
      return focus;
    }
    for (const [frame, candidate] of this.#candidates) {
      if (candidate.done || candidate === newest) {
        this.#candidates.delete(frame);
      }
    }
    this.#focus = { ...newest, sinceMs: this.#now(), finalMs: undefined, newsMs: this.#now(), fetched: new Map() };
    return this.#focus;
  }

  #isUnderWay({ done, newsMs }: Focus): boolean {
    const others = [...this.#candidates.values()].some((candidate) => candidate.done);
    return !done && !(others && this.#now() - newsMs > SILENT_MS);
  }

  async #fetch(focus: Focus, stage: PictureStage): Promise<void> {
    const { steps } = focus.known.get(stage)!;
    const url = `/pictures/${focus.about.frame}/${stage}-${this.#serial++}`;
    const picture = await this.#ask(focus.about.frame, stage);
    // A picture that can't be had isn't asked for again and again.
    focus.fetched.set(stage, { url: picture === undefined ? '' : url, steps });
    if (picture !== undefined) {
      this.#keep(url, focus, picture);
    }
    if (this.#focus === focus) {
      this.#show(focus);
      focus.finalMs ??= stage === 'final' ? this.#now() : undefined;
    }
    if (picture !== undefined && stage === 'final' && focus.completed !== undefined) {
      await this.#addThumbnail(focus, focus.completed, picture);
    }
  }

  /** That of the photograph that is shown, behind the frame's own pictures. */
  async #fetchCompanion(): Promise<void> {
    const { name } = this.#focus?.about ?? { name: '' };
    const fact = this.#companions.get(name);
    if (fact === undefined || missingStage(this.#focus!) !== undefined) {
      return;
    }
    this.#companions.delete(name);
    const { frame, lost, designCsnrDb, figures, endToEndMs } = fact;
    const url = `/pictures/${frame}/digital-${this.#serial++}`;
    const picture = await this.#ask(frame, 'digital');
    if (picture === undefined) {
      return;
    }
    const digital = { designCsnrDb, lost: lost !== undefined };
    const more = { figures, residual: null, endToEndMs, digital, ...snrOf(fact) };
    this.#digital = { name, picture: { stage: 'digital', frame, decoder: DIGITAL, steps: 0, url, ...more } };
    this.#keep(url, fact, picture);
    if (this.#focus?.about.name === name) {
      this.#show(this.#focus);
    }
  }

  async #ask(frame: number, stage: PictureStage): Promise<CachedPicture | undefined> {
    try {
      const { status, bytes } = await this.#options.fetchPicture(frame, stage, this.#closing.signal);
      // The content type for pages comes from the picture's bytes, not from the transmitter.
      const format = imageFormatOf(bytes);
      return status === 200 && format !== undefined && SHOWN_FORMATS.has(format)
        ? { contentType: `image/${format}`, bytes }
        : undefined;
    } catch {
      // Gone there already, or the transmitter is away: another frame will be shown.
      return undefined;
    }
  }

  #show(focus: Focus): void {
    const { about, done } = focus;
    const own = picturesOf(focus);
    const later = own.filter(({ stage }) => stage === 'intermediate' || stage === 'final');
    const refined = later.findLast((picture) => picture.decoder !== DIGITAL);
    const digital = later.findLast((picture) => picture.decoder === DIGITAL);
    if (digital !== undefined) {
      this.#digital = { name: about.name, picture: digital };
    }
    if (refined !== undefined && own.some(({ stage }) => stage === 'preview')) {
      this.#refined = { name: about.name, picture: refined };
    }
    // An original alone would only make the page forget what it shows.
    if (own.every(({ stage }) => stage === 'original')) {
      return;
    }
    const before = [
      refined === undefined ? this.#refined : undefined,
      digital === undefined ? this.#digital : undefined,
    ]
      .filter((kept) => kept?.name === about.name)
      .flatMap((kept) => kept?.picture ?? []);
    const { frame, name, width, height, decoder } = about;
    this.#options.state.show({ frame, name, width, height, decoder, done, pictures: [...own, ...before] });
  }

  #keep(url: string, owner: object, picture: CachedPicture): void {
    this.#files.set(url, { ...picture, owner });
    this.#bytes += picture.bytes.length;
    const all = new Set([...this.#files.values()].map((file) => file.owner));
    const owners = new Set<object>([
      ...[...this.#gallery.values()].map(({ focus }) => focus),
      ...[...all].slice(-KEPT_FRAMES),
    ]);
    for (const [path, file] of this.#files) {
      const isOld =
        !owners.has(file.owner) && path !== this.#refined?.picture.url && path !== this.#digital?.picture.url;
      if (isOld || (this.#bytes > this.#options.maxBytes && path !== url)) {
        this.#files.delete(path);
        this.#bytes -= file.bytes.length;
      }
    }
  }

  async #addThumbnail(focus: Focus, completed: CompletedFact, { bytes }: CachedPicture): Promise<void> {
    try {
      const image = await openImage(bytes, { timeoutMs: THUMBNAIL_TIMEOUT_MS, signal: this.#closing.signal });
      if (image.decodeBytes > MAX_THUMBNAIL_DECODE_BYTES) {
        return;
      }
      const small = await image.decode(
        async (pixels) =>
          await pixels.resize(THUMBNAIL_SIDE, THUMBNAIL_SIDE, { fit: 'inside' }).webp({ quality: 78 }).toBuffer(),
      );
      const id = this.#serial++;
      const url = `/thumbnails/${id}`;
      this.#thumbnails.set(url, { contentType: 'image/webp', bytes: small });
      const { state } = this.#options;
      const { frame, name, decoder, steps, figures } = completed;
      // A residual that came meanwhile is known to the picture.
      const { residual = null } = focus.known.get('final') ?? {};
      const { channel } = state.sections;
      const more = { pictures: picturesOf(focus), residual, atMs: Date.now(), channel };
      this.#gallery.set(id, { focus, record: { ...recordOf(completed), ...more } });
      const entry = { id, url, frame, name, decoder, steps, psnrDb: figures.psnrDb, ...snrOf(completed) };
      for (const gone of state.keep(entry)) {
        this.#thumbnails.delete(gone.url);
        this.#gallery.delete(gone.id);
      }
    } catch {
      // A picture that can't be read has no small one; the page says so of the large one.
    }
  }
}

/** Until when a frame stays that isn't waited for any more. */
function shownUntil({ sinceMs, finalMs, known }: Focus): number {
  return known.has('preview') && finalMs !== undefined ? finalMs + REFINED_DWELL_MS : sinceMs + DWELL_MS;
}

/** A stage whose picture there is, and which hasn't been fetched, or is older than what there is now. */
function missingStage({ known, fetched, done }: Focus): PictureStage | undefined {
  return PICTURE_STAGES.find((stage) => {
    const there = known.get(stage);
    // Once the final picture is there, intermediate ones are not fetched.
    if (there === undefined || (done && stage === 'intermediate')) {
      return false;
    }
    return fetched.get(stage)?.steps !== there.steps;
  });
}

/** The pictures of a frame that there are; of intermediate and final one the better. */
function picturesOf({ about: { frame, decoder }, known, fetched, snr }: Focus): ShownPicture[] {
  const hasFinal = (fetched.get('final')?.url ?? '') !== '';
  return PICTURE_STAGES.flatMap((stage) => {
    const { url = '', steps = 0 } = fetched.get(stage) ?? {};
    return url === '' || (hasFinal && stage === 'intermediate')
      ? []
      : [{ ...known.get(stage)!, stage, steps, url, frame, decoder, ...snr }];
  });
}

function recordOf(fact: CompletedFact): Omit<FrameRecord, 'pictures' | 'residual' | 'atMs' | 'channel'> {
  const { frame, name, width, height, decoder, decoderOptions, waveform, waveformOptions } = fact;
  const { cbr, channelUses, steps, reducedSteps, figures } = fact;
  const settings = { decoder, decoderOptions, waveform, waveformOptions, cbr };
  return { frame, name, width, height, ...settings, channelUses, steps, reducedSteps, figures, ...snrOf(fact) };
}

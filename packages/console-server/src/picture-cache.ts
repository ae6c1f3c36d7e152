import { imageFormatOf, openImage, type ImageFormat } from '@semcast/images';
import { figuresOf, type LiveState } from './live-state.js';
import {
  PICTURE_STAGES,
  type CompletedFact,
  type FrameFigures,
  type PartialFact,
  type PictureStage,
  type ShownFrame,
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

type About = Pick<ShownFrame, 'frame' | 'name' | 'width' | 'height' | 'decoder'>;

interface Candidate {
  readonly about: About;
  /** Steps behind the pictures that there are. */
  readonly steps: Map<PictureStage, number>;
  figures: FrameFigures | null;
  done: boolean;
}

interface Focus extends Candidate {
  readonly sinceMs: number;
  /** When its final picture was shown. */
  finalMs: number | undefined;
  /** When there was news of it. */
  newsMs: number;
  readonly pictures: Map<PictureStage, ShownPicture>;
}

/**
 * Chooses the frame whose pictures are shown, and gets them from the transmitter before they are gone there.
 *
 * One frame at a time: while it is being refined its newest picture is followed, and when it is done and has been seen
 * the newest other frame takes its place. Whatever the rate of frames, pictures are fetched one after the other and no
 * faster than somebody could look at them.
 */
export class PictureCache {
  readonly #options: PictureCacheOptions;
  readonly #now: () => number;
  readonly #candidates = new Map<number, Candidate>();
  /** By path; the oldest first. */
  readonly #files = new Map<string, CachedPicture & { readonly owner: number }>();
  readonly #thumbnails = new Map<string, CachedPicture>();
  #bytes = 0;
  #focus: Focus | undefined;
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

  /** Whether there was a file at this path, which gave way to newer ones. */
  wasThere(path: string): boolean {
    const serial = /-(\d+)$/.exec(path)?.[1] ?? /^\/thumbnails\/(\d+)$/.exec(path)?.[1];
    return serial !== undefined && Number(serial) < this.#serial;
  }

  /** Bytes of the pictures that are kept, thumbnails left out. */
  get bytes(): number {
    return this.#bytes;
  }

  notePartial(fact: PartialFact): void {
    this.#candidateOf(fact).steps.set(fact.stage, fact.steps);
    this.#work();
  }

  noteCompleted(fact: CompletedFact): void {
    const candidate = this.#candidateOf(fact);
    candidate.steps.set('final', fact.steps);
    candidate.figures = figuresOf(fact);
    candidate.done = true;
    this.#work();
  }

  /** A frame ended without a picture. */
  noteDropped(frame: number): void {
    this.#candidates.delete(frame);
    if (this.#focus?.about.frame === frame) {
      this.#focus.done = true;
      this.#work();
    }
  }

  /** Another life of the transmitter: frame numbers mean other pictures. */
  reset(): void {
    this.#candidates.clear();
    this.#focus = undefined;
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

  #candidateOf({ frame, name, width, height, decoder }: About): Candidate {
    if (this.#focus?.about.frame === frame) {
      this.#focus.newsMs = this.#now();
      return this.#focus;
    }
    const known = this.#candidates.get(frame);
    if (known !== undefined) {
      return known;
    }
    const candidate: Candidate = {
      about: { frame, name, width, height, decoder },
      steps: new Map<PictureStage, number>([['original', 0]]),
      figures: null,
      done: false,
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
    if (focus !== undefined && (this.#isUnderWay(focus) || missingStage(focus) !== undefined)) {
      return focus;
    }
    const leftMs = focus === undefined ? 0 : shownUntil(focus) - this.#now();
    if (leftMs > 0) {
      clearTimeout(this.#next);
      this.#next = setTimeout(() => {
        this.#work();
      }, leftMs);
      return undefined;
    }
    // The newest that has something to show beside its original; those before it have had their time.
    const newest = [...this.#candidates.values()].findLast(({ steps }) => steps.size > 1);
    if (newest === undefined) {
      return focus;
    }
    for (const [frame, candidate] of this.#candidates) {
      if (candidate.done || candidate === newest) {
        this.#candidates.delete(frame);
      }
    }
    this.#focus = { ...newest, sinceMs: this.#now(), finalMs: undefined, newsMs: this.#now(), pictures: new Map() };
    return this.#focus;
  }

  #isUnderWay({ done, newsMs }: Focus): boolean {
    const others = [...this.#candidates.values()].some((candidate) => candidate.done);
    return !done && !(others && this.#now() - newsMs > SILENT_MS);
  }

  async #fetch(focus: Focus, stage: PictureStage): Promise<void> {
    const steps = focus.steps.get(stage) ?? 0;
    const url = `/pictures/${focus.about.frame}/${stage}-${this.#serial++}`;
    // Entered first: a picture that can't be had isn't asked for again and again.
    focus.pictures.set(stage, { stage, steps, url });
    const picture = await this.#ask(focus.about.frame, stage);
    if (picture === undefined) {
      focus.pictures.set(stage, { stage, steps, url: '' });
    } else {
      this.#keep(url, focus.about.frame, picture);
    }
    // An original alone would only make the page forget what it shows.
    const hasMore = [...focus.pictures.values()].some((shown) => shown.stage !== 'original' && shown.url !== '');
    if (this.#focus === focus && hasMore) {
      this.#show(focus);
      focus.finalMs ??= stage === 'final' ? this.#now() : undefined;
    }
    if (picture !== undefined && stage === 'final' && focus.figures !== null) {
      await this.#addThumbnail(focus, picture);
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

  #show({ about, done, pictures, figures }: Focus): void {
    this.#options.state.show({
      ...about,
      done,
      figures,
      pictures: PICTURE_STAGES.flatMap((stage) => pictures.get(stage) ?? []).filter(({ url }) => url !== ''),
    });
  }

  #keep(url: string, owner: number, picture: CachedPicture): void {
    this.#files.set(url, { ...picture, owner });
    this.#bytes += picture.bytes.length;
    const all = new Set([...this.#files.values()].map((file) => file.owner));
    const owners = new Set([...all].slice(-KEPT_FRAMES));
    for (const [path, file] of this.#files) {
      const isOld = !owners.has(file.owner);
      if (isOld || (this.#bytes > this.#options.maxBytes && path !== url)) {
        this.#files.delete(path);
        this.#bytes -= file.bytes.length;
      }
    }
  }

  async #addThumbnail({ about: { frame, name, decoder }, figures }: Focus, { bytes }: CachedPicture): Promise<void> {
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
      for (const gone of this.#options.state.keep({ id, frame, name, decoder, figures: figures!, url })) {
        this.#thumbnails.delete(gone.url);
      }
    } catch {
      // A picture that can't be read has no small one; the page says so of the large one.
    }
  }
}

/** Until when a frame stays that isn't waited for any more. */
function shownUntil({ sinceMs, finalMs, steps }: Focus): number {
  return steps.has('preview') && finalMs !== undefined ? finalMs + REFINED_DWELL_MS : sinceMs + DWELL_MS;
}

/** A stage whose picture there is, and which hasn't been fetched, or is older than what there is now. */
function missingStage({ steps, pictures, done }: Focus): PictureStage | undefined {
  return PICTURE_STAGES.find((stage) => {
    const there = steps.get(stage);
    // Once the final picture is there, intermediate ones are not fetched.
    if (there === undefined || (done && stage === 'intermediate')) {
      return false;
    }
    return pictures.get(stage)?.steps !== there;
  });
}

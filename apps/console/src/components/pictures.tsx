import type { PictureStage, ShownFrame, ShownPicture } from '@semcast/console-messages';
import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { figure, photoName } from '../format.js';
import { useKeys } from '../keyboard.js';

interface PicturesProps {
  readonly shown: ShownFrame | null;
  readonly wipes: boolean;
  readonly onWipe: (on: boolean) => void;
  readonly fills: boolean;
  readonly onFill: (on: boolean) => void;
}

/** One of the pictures of a frame, as a pane. */
interface Pane {
  readonly id: 'original' | 'preview' | 'refined';
  readonly title: string;
  readonly picture: LoadedPicture;
  readonly about: string;
}

/** A picture, decoded. */
interface LoadedPicture extends ShownPicture {
  readonly bitmap: ImageBitmap;
}

/** A frame whose pictures are all decoded. */
interface LoadedFrame extends Omit<ShownFrame, 'pictures'> {
  readonly pictures: readonly LoadedPicture[];
}

/** Where one looks: the part of the picture around (x, y), both 0 … 1, enlarged. */
interface Look {
  readonly zoom: number;
  readonly x: number;
  readonly y: number;
}

const WHOLE: Look = { zoom: 1, x: 0.5, y: 0.5 };
const ZOOMS = [1, 2, 4, 8] as const;
const WIPE_STEP = 0.02;
const OK = 200;

/** The newest photograph: what was sent, what one pass makes of it, what sampling makes of it. */
export function Pictures({ shown, wipes, onWipe, fills, onFill }: PicturesProps) {
  const frame = useLoaded(shown);
  const [look, setLook] = useState(WHOLE);
  const [split, setSplit] = useState(0.5);
  const panes = frame === null ? [] : panesOf(frame);
  const zoomBy = (direction: 1 | -1): void =>
    setLook((from) => ({ ...from, zoom: ZOOMS[clampIndex(ZOOMS.indexOf(from.zoom as 1) + direction)]! }));
  useKeys({
    '+': () => zoomBy(1),
    '=': () => zoomBy(1),
    '-': () => zoomBy(-1),
    '0': () => setLook(WHOLE),
    ...(wipes
      ? {
          ArrowLeft: () => setSplit((at) => Math.max(0, at - WIPE_STEP)),
          ArrowRight: () => setSplit((at) => Math.min(1, at + WIPE_STEP)),
        }
      : {}),
  });

  return (
    <section class="panel pictures" aria-label="pictures">
      <div class="bar">
        <h2>
          {frame === null ? (
            'No picture yet'
          ) : (
            <>
              {photoName(frame.name)}{' '}
              <small>
                frame {frame.frame} · {frame.width} × {frame.height}
              </small>
            </>
          )}
        </h2>
        <div class="group" role="group" aria-label="how pictures are compared">
          <button type="button" aria-pressed={!wipes} onClick={() => onWipe(false)}>
            Side by side
          </button>
          <button type="button" aria-pressed={wipes} onClick={() => onWipe(true)}>
            Wipe
          </button>
        </div>
        <div class="group" role="group" aria-label="zoom">
          <button type="button" aria-label="smaller" disabled={look.zoom === 1} onClick={() => zoomBy(-1)}>
            −
          </button>
          <output aria-label="zoom">{look.zoom}×</output>
          <button type="button" aria-label="larger" disabled={look.zoom === ZOOMS.at(-1)} onClick={() => zoomBy(1)}>
            +
          </button>
        </div>
        <button type="button" aria-pressed={fills} onClick={() => onFill(!fills)}>
          {fills ? 'Show all' : 'Fill'}
        </button>
      </div>
      {frame === null ? (
        <p class="nothing">The first photograph that comes through is shown here.</p>
      ) : wipes ? (
        <Wipe panes={panes} frame={frame} look={look} onLook={setLook} split={split} onSplit={setSplit} />
      ) : (
        <div class="panes" style={{ '--panes': panes.length, '--aspect': frame.width / frame.height }}>
          {panes.map((pane) => (
            <figure key={pane.id} data-pane={pane.id}>
              <Glass frame={frame} look={look} onLook={setLook}>
                <Layer pane={pane} look={look} />
              </Glass>
              <Caption pane={pane} />
            </figure>
          ))}
        </div>
      )}
    </section>
  );
}

function Caption({ pane }: { readonly pane: Pane }) {
  return (
    <figcaption>
      <span class="title">{pane.title}</span>
      <span class="figures">{pane.about}</span>
    </figcaption>
  );
}

function clampIndex(index: number): number {
  return Math.min(ZOOMS.length - 1, Math.max(0, index));
}

/** Two pictures in one place, with an edge to be moved. */
function Wipe({
  panes,
  frame,
  look,
  onLook,
  split,
  onSplit,
}: {
  readonly panes: readonly Pane[];
  readonly frame: LoadedFrame;
  readonly look: Look;
  readonly onLook: (look: Look) => void;
  readonly split: number;
  readonly onSplit: (split: number) => void;
}) {
  const [leftId, setLeftId] = useState<Pane['id']>('original');
  const right = panes.at(-1)!;
  const candidates = panes.filter(({ id }) => id !== right.id);
  const left = candidates.find(({ id }) => id === leftId) ?? candidates[0];
  if (left === undefined) {
    return null;
  }
  const share = `${(100 * split).toFixed(2)}%`;
  return (
    <figure class="wipe" data-pane="wipe" style={{ '--aspect': frame.width / frame.height }}>
      <Glass frame={frame} look={look} onLook={onLook}>
        <Layer pane={right} look={look} />
        <div class="over" style={{ clipPath: `inset(0 ${(100 - 100 * split).toFixed(2)}% 0 0)` }}>
          <Layer pane={left} look={look} />
        </div>
        <div class="edge" style={{ left: share }} aria-hidden="true" />
      </Glass>
      <input
        type="range"
        min="0"
        max="1"
        step="0.002"
        value={split}
        aria-label={`edge between ${left.title} and ${right.title}`}
        onInput={({ currentTarget }) => onSplit(Number(currentTarget.value))}
      />
      <figcaption>
        <span>
          {candidates.length > 1 ? (
            <select
              aria-label="picture on the left"
              value={left.id}
              onChange={({ currentTarget }) => setLeftId(currentTarget.value as Pane['id'])}
            >
              {candidates.map(({ id, title }) => (
                <option key={id} value={id}>
                  {title}
                </option>
              ))}
            </select>
          ) : (
            <span class="title">{left.title}</span>
          )}{' '}
          <span class="figures">{left.about}</span>
        </span>
        <span>
          <span class="figures">{right.about}</span> <span class="title">{right.title}</span>
        </span>
      </figcaption>
    </figure>
  );
}

/** Where a picture is looked at: dragged when it is enlarged, enlarged by a double click. */
function Glass({
  frame,
  look,
  onLook,
  children,
}: {
  readonly frame: LoadedFrame;
  readonly look: Look;
  readonly onLook: (look: Look) => void;
  readonly children: JSX.Element | readonly JSX.Element[];
}) {
  const drag = useRef<{ readonly x: number; readonly y: number; readonly look: Look } | null>(null);
  return (
    <div
      class={look.zoom > 1 ? 'glass grabs' : 'glass'}
      style={{ aspectRatio: `${frame.width} / ${frame.height}` }}
      onPointerDown={(event) => {
        if (look.zoom > 1) {
          event.currentTarget.setPointerCapture(event.pointerId);
          drag.current = { x: event.clientX, y: event.clientY, look };
        }
      }}
      onPointerMove={(event) => {
        const from = drag.current;
        if (from !== null) {
          const { width, height } = event.currentTarget.getBoundingClientRect();
          onLook({
            zoom: look.zoom,
            x: within(from.look.x - (event.clientX - from.x) / width / look.zoom, look.zoom),
            y: within(from.look.y - (event.clientY - from.y) / height / look.zoom, look.zoom),
          });
        }
      }}
      onPointerUp={() => {
        drag.current = null;
      }}
      onPointerCancel={() => {
        drag.current = null;
      }}
      onDblClick={(event) => {
        const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
        onLook(
          look.zoom > 1
            ? WHOLE
            : { zoom: 4, x: within((event.clientX - left) / width, 4), y: within((event.clientY - top) / height, 4) },
        );
      }}
    >
      {children}
    </div>
  );
}

/** The middle of what is looked at, 0 … 1, as near to the wanted one as the picture goes. */
function within(share: number, zoom: number): number {
  return Math.min(1 - 0.5 / zoom, Math.max(0.5 / zoom, share));
}

function Layer({ pane, look }: { readonly pane: Pane; readonly look: Look }) {
  const x = within(look.x, look.zoom);
  const y = within(look.y, look.zoom);
  const canvas = useRef<HTMLCanvasElement>(null);
  const { bitmap, url } = pane.picture;
  useLayoutEffect(() => {
    const { width, height } = bitmap;
    Object.assign(canvas.current!, { width, height });
    canvas.current!.getContext('2d')?.drawImage(bitmap, 0, 0);
  }, [bitmap]);
  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label={pane.title}
      data-picture={url}
      class={look.zoom > 1 ? 'pixels' : ''}
      style={{
        transform: `scale(${look.zoom}) translate(${(100 * (0.5 - x)).toFixed(3)}%, ${(100 * (0.5 - y)).toFixed(3)}%)`,
      }}
    />
  );
}

/** The panes of a frame: two where the decoder has one pass, three where it refines. */
function panesOf(frame: LoadedFrame): Pane[] {
  const at = (stage: PictureStage): LoadedPicture | undefined =>
    frame.pictures.find((picture) => picture.stage === stage);
  const { figures } = frame;
  const panes: Pane[] = [];
  const original = at('original');
  if (original !== undefined) {
    panes.push({ id: 'original', title: 'Original', picture: original, about: 'as sent' });
  }
  const preview = at('preview');
  const final = at('final');
  if (preview === undefined) {
    if (final !== undefined) {
      const about = `${figure(figures?.quality.psnrDb)} dB`;
      // Preview and refined picture are one and the same.
      panes.push({ id: 'preview', title: `Received · ${frame.decoder}, one pass`, picture: final, about });
    }
    return panes;
  }
  panes.push({
    id: 'preview',
    title: 'Preview · jscc',
    picture: preview,
    about: figures === null ? '' : `${figure(figures.previewPsnrDb)} dB`,
  });
  const refined = final ?? at('intermediate');
  panes.push({
    id: 'refined',
    title: frame.done ? `Refined · ${frame.decoder}` : `Refining · ${frame.decoder}`,
    // Until the first step has been seen there is nothing better than the preview.
    picture: refined ?? preview,
    about: frame.done
      ? `${figure(figures?.quality.psnrDb)} dB · ${final?.steps ?? 0} steps`
      : refined === undefined
        ? 'begins'
        : `step ${refined.steps}`,
  });
  return panes;
}

/**
 * The frame whose pictures have all been loaded: they change together, so that an original never stands beside another
 * frame's reconstruction. While one is loaded, newer ones wait, and of these only the newest.
 *
 * Pictures are bitmaps of the page's own, closed when they are shown no more: what a browser keeps of images that it
 * was merely asked to show grows through a night.
 */
function useLoaded(shown: ShownFrame | null): LoadedFrame | null {
  const [loaded, setLoaded] = useState<LoadedFrame | null>(null);
  const wanted = useRef<ShownFrame | null>(null);
  const loading = useRef(false);
  const held = useRef(new Map<string, ImageBitmap>());
  wanted.current = shown;
  useEffect(() => {
    const load = async (): Promise<void> => {
      let done: ShownFrame | null = null;
      while (wanted.current !== null && wanted.current !== done) {
        const frame: ShownFrame = wanted.current;
        done = frame;
        await Promise.all(frame.pictures.map(({ url }) => hold(url, held.current)));
        const pictures = frame.pictures.flatMap((picture) => {
          const bitmap = held.current.get(picture.url);
          return bitmap === undefined ? [] : [{ ...picture, bitmap }];
        });
        // If some were gone, the next frame is on its way.
        if (pictures.length === frame.pictures.length) {
          setLoaded({ ...frame, pictures });
        }
      }
    };
    if (!loading.current) {
      loading.current = true;
      void load().finally(() => {
        loading.current = false;
      });
    }
  }, [shown]);
  // After it has been drawn: what isn't of this frame is needed no more.
  useEffect(() => {
    const kept = new Set(loaded?.pictures.map(({ url }) => url));
    const next = new Set(wanted.current?.pictures.map(({ url }) => url));
    for (const [url, bitmap] of held.current) {
      if (!kept.has(url) && !next.has(url)) {
        bitmap.close();
        held.current.delete(url);
      }
    }
  }, [loaded]);
  return loaded;
}

/** Load a picture and decode it, so that it appears at once when it is shown. */
async function hold(url: string, held: Map<string, ImageBitmap>): Promise<void> {
  if (held.has(url)) {
    return;
  }
  try {
    const response = await fetch(url);
    if (response.status === OK) {
      held.set(url, await createImageBitmap(await response.blob()));
    }
  } catch {
    // The server went away, or sent what is no picture: the frame isn't shown.
  }
}

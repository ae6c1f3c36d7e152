import {
  DIGITAL,
  type LiveView,
  type PictureStage,
  type ShownFrame,
  type ShownPicture,
} from '@semcast/console-messages';
import { qualityMetrics } from '@semcast/quality';
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { durationText, figure, metricFigure, photoName } from '../format.js';
import { useKeys } from '../keyboard.js';
import { whatIsSeen } from '../sentence.js';
import { optionsOf } from './option-fields.js';
import { Term } from './term.js';

interface PicturesProps {
  readonly sections: Pick<LiveView['sections'], 'shown' | 'transmitter' | 'offers'>;
  readonly wipes: boolean;
  readonly onWipe: (on: boolean) => void;
  readonly fills: boolean;
  readonly onFill: (on: boolean) => void;
}

/** One of the pictures of a photograph, as a pane. */
interface Pane {
  readonly id: 'original' | 'preview' | 'refined' | 'digital';
  readonly title: string;
  /** Decoder and steps. */
  readonly by: string;
  /** What it is, for who sees it for the first time. */
  readonly about: string;
  readonly picture: LoadedPicture;
  /** Its picture is a grey one: it stands for one that was lost. */
  readonly lost?: boolean;
  /** It stands in for a picture that isn't there yet. */
  readonly waits?: boolean;
  /** How far the one is that is being made. */
  readonly progress?: string | undefined;
  /** Its frame isn't the one that is followed. */
  readonly older: boolean;
  /** The same frame before it was refined: what figures are compared with. */
  readonly before?: ShownPicture | undefined;
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

/** The newest photograph: what was sent, what one pass makes of it, what refining makes of it; and a sentence about it. */
export function Pictures({ sections, wipes, onWipe, fills, onFill }: PicturesProps) {
  const frame = useLoaded(sections.shown);
  const [look, setLook] = useState(WHOLE);
  const [split, setSplit] = useState(0.5);
  const panes = frame === null ? [] : panesOf(frame, stepsOf(sections), hasCompanion(sections));
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
    <section class="pictures" aria-label="pictures">
      <div class="bar">
        <h2>
          {frame === null ? 'No picture yet' : photoName(frame.name)}
          {frame === null ? null : (
            <small>
              {' '}
              frame {frame.frame} · {frame.width} × {frame.height}
            </small>
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
      <p class="seen" role="status">
        {frame === null
          ? 'A photograph crosses a noisy radio channel as analogue symbols. The first one that comes through is shown here.'
          : whatIsSeen(frame, !frame.done)}
      </p>
      {frame === null ? null : wipes ? (
        <Wipe panes={panes} frame={frame} look={look} onLook={setLook} split={split} onSplit={setSplit} />
      ) : (
        <div class="panes" style={{ '--panes': panes.length, '--aspect': frame.width / frame.height }}>
          {panes.map((pane) => (
            <figure key={pane.id} data-pane={pane.id} data-snr={pane.picture.snrDb}>
              <Glass frame={frame} look={look} onLook={setLook}>
                <Layer pane={pane} look={look} />
                {pane.progress === undefined ? null : <span class="progress">{pane.progress}</span>}
                {pane.lost === true ? <span class="lost">lost</span> : null}
              </Glass>
              <Caption pane={pane} />
            </figure>
          ))}
        </div>
      )}
    </section>
  );
}

/** The figures that stand beside a picture: how near it is pixel by pixel, and what rises when texture comes back. */
const SHOWN_METRICS = [qualityMetrics.psnrDb, qualityMetrics.contrast] as const;

function Caption({ pane: { title, by, about, picture, older, before, waits = false } }: { readonly pane: Pane }) {
  const { snrDb, frame, stage, endToEndMs, residual } = picture;
  return (
    <figcaption>
      <span class="title">
        {title} <small>{by}</small>
      </span>
      <span class="about">{about}</span>
      {stage === 'original' || waits ? null : (
        <dl class="numbers">
          {SHOWN_METRICS.map(({ name, label, unit, decimals }) => {
            const value = picture.figures?.[name];
            const was = before?.figures?.[name];
            const change = value === undefined || was === undefined ? null : value - was;
            return (
              <div key={name} data-figure={name}>
                <dt>
                  <Term word={name}>{label}</Term>
                </dt>
                <dd>
                  {metricFigure(value ?? null, decimals)} {value === undefined ? '' : unit}
                  {change === null ? null : (
                    <small class={change > 0 ? 'rise' : 'fall'}>
                      {change > 0 ? ' +' : ' '}
                      {metricFigure(change, decimals)}
                    </small>
                  )}
                </dd>
              </div>
            );
          })}
          {residual === null ? null : (
            <div data-figure="residual">
              <dt>
                <Term word="residual">Residual</Term>
              </dt>
              <dd class={residualClass(residual)}>{figure(residual, 2)}</dd>
            </div>
          )}
          <div class={older ? 'of older' : 'of'}>
            <dt>{older ? 'Earlier frame' : 'Frame'}</dt>
            <dd>
              {frame} <small>{snrDb === null ? '' : `at ${figure(snrDb)} dB`}</small>
              <small>{endToEndMs === null ? '' : ` in ${durationText(endToEndMs)}`}</small>
            </dd>
          </div>
        </dl>
      )}
    </figcaption>
  );
}

/** About one noise power explains what was received; more says that the picture left it, less that it fits noise. */
const GOOD_RESIDUAL = [0.8, 1.25] as const;

export function residualClass(residual: number | null): string {
  if (residual === null) {
    return '';
  }
  return residual >= GOOD_RESIDUAL[0] && residual <= GOOD_RESIDUAL[1] ? 'good' : residual > 3 ? 'bad' : 'warn';
}

/** Steps that a frame is asked to be refined by; null where that isn't known. */
function stepsOf({ transmitter, offers }: PicturesProps['sections']): number | null {
  const settings = transmitter?.settings;
  const schema = offers.decoders.find(({ name }) => name === settings?.decoder)?.options;
  const given = settings?.decoderOptions['steps'];
  const found = optionsOf(schema, settings?.decoderOptions['preset']).find(([name]) => name === 'steps')?.[1].default;
  const steps = given ?? found;
  return typeof steps === 'number' ? steps : null;
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
  const right = panes.findLast(({ id }) => id === 'refined' || id === 'preview') ?? panes.at(-1)!;
  const candidates = panes.filter(({ id, waits }) => id !== right.id && waits !== true);
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
          <small>{left.by}</small>
        </span>
        <span>
          <small>{right.by}</small> <span class="title">{right.title}</span>
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
  readonly children: ComponentChildren;
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
      class={`${look.zoom > 1 ? 'pixels' : ''} ${pane.waits === true ? 'waits' : ''}`}
      style={{
        transform: `scale(${look.zoom}) translate(${(100 * (0.5 - x)).toFixed(3)}%, ${(100 * (0.5 - y)).toFixed(3)}%)`,
      }}
    />
  );
}

/** Whether photographs go by the digital link, too. */
function hasCompanion({ transmitter }: PicturesProps['sections']): boolean {
  return transmitter !== null && transmitter.settings.digital !== 'off' && transmitter.settings.decoder !== DIGITAL;
}

/** The panes of a photograph: those of the networks, and that of the digital link where one is used. */
function panesOf(frame: LoadedFrame, wantedSteps: number | null, companion: boolean): Pane[] {
  const digital = frame.pictures.find(({ decoder, stage }) => decoder === DIGITAL && stage !== 'original');
  const pictures = frame.pictures.filter((picture) => picture !== digital);
  const panes = panesOfNetworks({ ...frame, pictures }, wantedSteps);
  // Until it is there, something else keeps its place, so that the others stay where they are.
  const picture = digital ?? (companion ? frame.pictures.find(({ stage }) => stage === 'original') : undefined);
  if (picture === undefined) {
    return panes;
  }
  const sentFor = digital?.digital === undefined ? '' : `, sent for ${figure(digital.digital.designCsnrDb)} dB`;
  return [
    ...panes,
    {
      id: 'digital',
      title: 'Digital link',
      by: `an image file over a channel code${sentFor}`,
      about: 'exact as far as its bits go, until it breaks: then grey',
      picture,
      lost: digital?.digital?.lost === true,
      waits: digital === undefined,
      older: picture.frame !== frame.frame,
    },
  ];
}

/** Two where the decoder has one pass, three where it refines. */
function panesOfNetworks(frame: LoadedFrame, wantedSteps: number | null): Pane[] {
  const at = (stage: PictureStage): LoadedPicture | undefined =>
    frame.pictures.find((picture) => picture.stage === stage);
  const panes: Pane[] = [];
  const [original, preview, intermediate, final] = [at('original'), at('preview'), at('intermediate'), at('final')];
  if (original !== undefined) {
    panes.push({ id: 'original', title: 'Original', by: '', about: 'what was sent', picture: original, older: false });
  }
  const quick = preview ?? final;
  // Beside a digital picture, what was refined before needs no preview.
  if (frame.decoder === DIGITAL && final !== undefined) {
    const by = `${final.decoder}, ${final.steps} steps`;
    const about = 'the same symbols, texture put back by a generative model';
    panes.push({ id: 'refined', title: 'Refined', by, about, picture: final, older: true });
    return panes;
  }
  if (quick === undefined) {
    return panes;
  }
  panes.push({
    id: 'preview',
    title: 'Quick decode',
    by: preview === undefined ? `${frame.decoder}, one pass` : 'jscc, one pass',
    about: 'what one pass of a network makes of the noisy symbols',
    picture: quick,
    older: quick.frame !== frame.frame,
  });
  if (preview === undefined) {
    return panes;
  }
  // What is of an earlier frame stays until there is something of this one.
  const own = [final, intermediate].find((picture) => picture?.frame === frame.frame);
  const refined = own ?? final ?? intermediate;
  const steps = own?.steps ?? 0;
  panes.push({
    id: 'refined',
    title: 'Refined',
    by:
      refined === undefined
        ? frame.decoder
        : `${refined.decoder}, ${refined.steps} ${refined.steps === 1 ? 'step' : 'steps'}`,
    about: 'the same symbols, texture put back by a generative model',
    picture: refined ?? preview,
    waits: refined === undefined,
    older: refined !== undefined && own === undefined,
    before: own === undefined ? undefined : preview,
    progress:
      frame.done || own?.stage === 'final'
        ? undefined
        : `step ${Math.min(steps + 1, wantedSteps ?? steps + 1)}${wantedSteps === null ? '' : ` of ${wantedSteps}`}`,
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

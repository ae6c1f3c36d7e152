import type { LiveView } from '@semcast/console-messages';
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { figure, metric, receiverSnr } from '../format.js';
import { colourOf, type Theme } from '../theme.js';
import { fitCanvas, useWidth } from './canvas.js';
import { Term } from './term.js';
import { Waterfall } from './waterfall.js';
import { constantGain, gainPlotOf, impulsePlotOf, SignalPlot, spectrumPlotOf } from './signal-plots.js';

interface ScopeProps {
  readonly sections: Pick<LiveView['sections'], 'scope' | 'response' | 'channel'>;
  readonly theme: Theme;
}

/** The signal itself: symbols before and after the equaliser, the channel that they met, and the spectrum. */
export function Scope({ sections: { scope, response, channel }, theme }: ScopeProps) {
  const signal = { scope, response, sampleRateHz: channel?.sampleRateHz ?? null };
  const gain = gainPlotOf(signal);
  const spectrum = spectrumPlotOf(signal);
  const rest = [gain, impulsePlotOf(signal)].filter((plot) => plot !== null);
  return (
    <section class="panel scope" aria-label="signal" data-snr={scope?.snrDb}>
      <div class="bar">
        <h2>
          Signal{' '}
          {scope === null ? null : (
            <small>
              {scope.stream} · frame {scope.frame}
              {scope.snrDb === null ? '' : ` at ${figure(scope.snrDb)} dB`}, as it arrived · {scope.received.length / 2}{' '}
              of {metric(scope.samples)} symbols
            </small>
          )}
        </h2>
      </div>
      <div class="scopes">
        <Constellation
          title="Received"
          about={
            scope?.noiseVariance === null || scope === null ? null : (
              <>
                <Term word="n0">N₀</Term> {figure(scope.noiseVariance, 3)}
              </>
            )
          }
          points={scope?.received ?? null}
          tone="estimate"
          theme={theme}
        />
        <Constellation
          title="Equalised"
          about={
            scope === null ? null : (
              <>
                {figure(receiverSnr(scope).snrDb)} dB{' '}
                <Term word={`snr-${receiverSnr(scope).name}`}>{receiverSnr(scope).name}</Term>
              </>
            )
          }
          points={scope?.equalised ?? null}
          tone="refined"
          theme={theme}
          nothing={scope === null ? '' : 'no channel state'}
        />
        {spectrum === null ? null : (
          <div class="band">
            <SignalPlot plot={spectrum} height={140} theme={theme} />
            <Waterfall response={response} theme={theme} />
          </div>
        )}
      </div>
      {rest.length === 0 ? null : (
        <div class="scopes more">
          {rest.map((plot) => (
            <SignalPlot key={plot.id} plot={plot} height={168} theme={theme} />
          ))}
        </div>
      )}
      {gain === null && scope !== null ? (
        <p class="constant" data-scope="constant">
          {constantGain(signal)}
        </p>
      ) : null}
    </section>
  );
}

const FONT = '10px Inter, system-ui, sans-serif';
/** Symbols have unit power. The smallest of these half sides that has room for nearly all is taken. */
const EXTENTS = [2, 3, 4, 6, 8, 12] as const;
const ROOM_FOR = 0.99;
/** A smaller extent has to have this much room to spare, so that it doesn't change all the time. */
const SPARE = 0.85;

interface ConstellationProps {
  readonly title: string;
  readonly about: JSX.Element | null;
  readonly points: readonly number[] | null;
  readonly tone: 'estimate' | 'refined';
  readonly theme: Theme;
  readonly nothing?: string;
}

function Constellation({ title, about, points, tone, theme, nothing = '' }: ConstellationProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(canvas);
  const extent = useExtent(points);
  const outside = outsideOf(points ?? [], extent);
  useEffect(() => {
    const drawing = canvas.current === null || width === 0 ? null : fitCanvas(canvas.current, width, width);
    if (drawing === null) {
      return;
    }
    const at = (value: number): number => ((value + extent) / (2 * extent)) * width;
    const step = extent > 4 ? 4 : extent > 2 ? 2 : 1;
    const count = Math.ceil(extent / step) - 1;
    const grid = Array.from({ length: 2 * count + 1 }, (_, i) => (i - count) * step);
    drawing.strokeStyle = colourOf('line');
    drawing.lineWidth = 1;
    for (const tick of grid) {
      const place = Math.round(at(tick)) + 0.5;
      drawing.globalAlpha = tick === 0 ? 1 : 0.55;
      drawing.beginPath();
      drawing.moveTo(place, 0);
      drawing.lineTo(place, width);
      drawing.moveTo(0, place);
      drawing.lineTo(width, place);
      drawing.stroke();
    }
    drawing.globalAlpha = 1;
    drawing.fillStyle = colourOf('dim');
    drawing.font = FONT;
    for (const tick of grid) {
      drawing.textAlign = 'center';
      drawing.fillText(figure(tick, 0), at(tick), width - 4);
      drawing.textAlign = 'left';
      if (tick !== grid[0]) {
        drawing.fillText(figure(tick, 0), 4, at(-tick) + 3);
      }
    }
    drawing.fillStyle = colourOf('text');
    drawing.fillText('I', width - 10, width - 4);
    drawing.fillText('Q', 4, 12);
    drawing.fillStyle = colourOf(tone);
    drawing.globalAlpha = 0.62;
    const drawn = points ?? [];
    for (let i = 0; i < drawn.length; i += 2) {
      const [x, y] = [drawn[i]!, drawn[i + 1]!];
      drawing.beginPath();
      drawing.arc(at(x), at(-y), 1.6, 0, 2 * Math.PI);
      drawing.fill();
    }
    drawing.globalAlpha = 1;
  }, [points, width, theme, tone, extent]);
  return (
    <figure
      class="constellation"
      data-scope={title.toLowerCase()}
      data-points={points === null ? 0 : points.length / 2}
    >
      <canvas ref={canvas} role="img" aria-label={`constellation, ${title.toLowerCase()}: in-phase and quadrature`} />
      {points === null && nothing !== '' ? <p class="nothing">{nothing}</p> : null}
      <figcaption>
        <span class="title">
          {title} {outside === 0 ? null : <small>{outside} outside</small>}
        </span>
        <span class="figures">{about}</span>
      </figcaption>
    </figure>
  );
}

const reachOf = (points: readonly number[], i: number): number =>
  Math.max(Math.abs(points[i]!), Math.abs(points[i + 1]!));

function outsideOf(points: readonly number[], extent: number): number {
  let outside = 0;
  for (let i = 0; i < points.length; i += 2) {
    outside += reachOf(points, i) > extent ? 1 : 0;
  }
  return outside;
}

/** How far from the middle the drawing goes: for nearly all points, and steady. */
function useExtent(points: readonly number[] | null): number {
  const [extent, setExtent] = useState<number>(EXTENTS[1]);
  useEffect(() => {
    if (points === null || points.length === 0) {
      return;
    }
    const reaches = Array.from({ length: points.length / 2 }, (_, i) => reachOf(points, 2 * i)).sort((a, b) => a - b);
    const needed = reaches[Math.floor(ROOM_FOR * (reaches.length - 1))]!;
    const fitting = (room: number): number => EXTENTS.find((each) => each >= room) ?? EXTENTS.at(-1)!;
    setExtent((now) => (needed > now ? fitting(needed) : Math.min(now, fitting(needed / SPARE))));
  }, [points]);
  return extent;
}

import type { LiveView, ScopeFact } from '@semcast/console-messages';
import { useEffect, useRef } from 'preact/hooks';
import { figure, metric } from '../format.js';
import { colourOf, type Theme } from '../theme.js';
import { fitCanvas, useWidth } from './canvas.js';

interface ScopeProps {
  readonly scope: ScopeFact | null;
  readonly channel: LiveView['sections']['channel'];
  readonly theme: Theme;
}

/** The signal itself: symbols before and after the equaliser, and the gain that they met. */
export function Scope({ scope, channel, theme }: ScopeProps) {
  return (
    <section class="panel scope" aria-label="signal">
      <div class="bar">
        <h2>
          Signal{' '}
          {scope === null ? null : (
            <small>
              {scope.stream} · frame {scope.frame} · {scope.received.length / 2} of {metric(scope.samples)} symbols
            </small>
          )}
        </h2>
      </div>
      <div class="scopes">
        <Constellation
          title="Received"
          about={scope?.noiseVariance === null || scope === null ? '' : `N₀ ${figure(scope.noiseVariance, 3)}`}
          points={scope?.received ?? null}
          tone="estimate"
          theme={theme}
        />
        <Constellation
          title="Equalised"
          about={scope === null ? '' : `${figure(scope.effectiveSnrDb)} dB effective`}
          points={scope?.equalised ?? null}
          tone="refined"
          theme={theme}
          nothing={scope === null ? '' : 'no channel state'}
        />
        <Gain scope={scope} model={channel?.model.name ?? ''} theme={theme} />
      </div>
    </section>
  );
}

const FONT = '10px Inter, system-ui, sans-serif';
/** Symbols have unit power; what lies outside is noise at low SNR, and is drawn at the edge. */
const EXTENT = 3;
const GRID = [-2, -1, 0, 1, 2] as const;

interface ConstellationProps {
  readonly title: string;
  readonly about: string;
  readonly points: readonly number[] | null;
  readonly tone: 'estimate' | 'refined';
  readonly theme: Theme;
  readonly nothing?: string;
}

function Constellation({ title, about, points, tone, theme, nothing = '' }: ConstellationProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(canvas);
  useEffect(() => {
    const drawing = canvas.current === null || width === 0 ? null : fitCanvas(canvas.current, width, width);
    if (drawing === null) {
      return;
    }
    const at = (value: number): number => ((value + EXTENT) / (2 * EXTENT)) * width;
    drawing.strokeStyle = colourOf('line');
    drawing.lineWidth = 1;
    for (const tick of GRID) {
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
    for (const tick of GRID) {
      drawing.textAlign = 'center';
      drawing.fillText(figure(tick, 0), at(tick), width - 4);
      drawing.textAlign = 'left';
      if (tick !== GRID[0]) {
        drawing.fillText(figure(tick, 0), 4, at(-tick) + 3);
      }
    }
    drawing.fillStyle = colourOf('text');
    drawing.fillText('I', width - 10, width - 4);
    drawing.fillText('Q', 4, 12);
    drawing.fillStyle = colourOf(tone);
    drawing.globalAlpha = 0.62;
    const limit = EXTENT - 0.05;
    const drawn = points ?? [];
    for (let i = 0; i < drawn.length; i += 2) {
      const x = Math.max(-limit, Math.min(limit, drawn[i]!));
      const y = Math.max(-limit, Math.min(limit, drawn[i + 1]!));
      drawing.beginPath();
      drawing.arc(at(x), at(-y), 1.6, 0, 2 * Math.PI);
      drawing.fill();
    }
    drawing.globalAlpha = 1;
  }, [points, width, theme, tone]);
  return (
    <figure
      class="constellation"
      data-scope={title.toLowerCase()}
      data-points={points === null ? 0 : points.length / 2}
    >
      <canvas ref={canvas} role="img" aria-label={`constellation, ${title.toLowerCase()}: in-phase and quadrature`} />
      {points === null && nothing !== '' ? <p class="nothing">{nothing}</p> : null}
      <figcaption>
        <span class="title">{title}</span>
        <span class="figures">{about}</span>
      </figcaption>
    </figure>
  );
}

const GAIN_RANGE_DB = { min: -30, max: 10 } as const;
const GAIN_GRID_DB = [-30, -20, -10, 0, 10] as const;
const MARGIN = { left: 34, right: 8, top: 8, bottom: 26 } as const;

function Gain({
  scope,
  model,
  theme,
}: {
  readonly scope: ScopeFact | null;
  readonly model: string;
  readonly theme: Theme;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(canvas);
  const gainDb = scope?.gainDb ?? null;
  const samples = scope?.samples ?? 0;
  useEffect(() => {
    const height = Math.min(width, 240);
    const drawing = canvas.current === null || width === 0 ? null : fitCanvas(canvas.current, width, height);
    if (drawing === null) {
      return;
    }
    const { min, max } = GAIN_RANGE_DB;
    const right = width - MARGIN.right;
    const bottom = height - MARGIN.bottom;
    const y = (db: number): number =>
      bottom - ((Math.max(min, Math.min(max, db)) - min) / (max - min)) * (bottom - MARGIN.top);
    drawing.font = FONT;
    drawing.strokeStyle = colourOf('line');
    drawing.fillStyle = colourOf('dim');
    drawing.textAlign = 'right';
    for (const tick of GAIN_GRID_DB) {
      const place = Math.round(y(tick)) + 0.5;
      drawing.globalAlpha = tick === 0 ? 1 : 0.55;
      drawing.beginPath();
      drawing.moveTo(MARGIN.left, place);
      drawing.lineTo(right, place);
      drawing.stroke();
      drawing.globalAlpha = 1;
      drawing.fillText(figure(tick, 0), MARGIN.left - 5, place + 3);
    }
    drawing.textAlign = 'left';
    drawing.fillText('0', MARGIN.left, bottom + 12);
    drawing.textAlign = 'right';
    drawing.fillText(metric(samples), right, bottom + 12);
    drawing.textAlign = 'center';
    drawing.fillText('symbol of the frame', (MARGIN.left + right) / 2, height - 3);
    drawing.strokeStyle = colourOf('preview');
    drawing.lineWidth = 1.25;
    drawing.beginPath();
    const values = gainDb ?? [0];
    for (const [i, value] of values.entries()) {
      const from = MARGIN.left + (i / values.length) * (right - MARGIN.left);
      const to = MARGIN.left + ((i + 1) / values.length) * (right - MARGIN.left);
      drawing.lineTo(from, y(value));
      drawing.lineTo(to, y(value));
    }
    if (scope !== null) {
      drawing.stroke();
    }
  }, [gainDb, samples, width, theme, scope]);
  return (
    <figure class="gain" data-scope="gain">
      <canvas ref={canvas} role="img" aria-label="power of the channel gain over the frame, in decibels" />
      <figcaption>
        <span class="title">Channel gain |h|², dB</span>
        <span class="figures">
          {scope !== null && gainDb === null ? `${model === '' ? '' : `${model}: `}constant` : model}
        </span>
      </figcaption>
    </figure>
  );
}

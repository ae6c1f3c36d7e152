import type { LiveView } from '@semcast/console-messages';
import { useEffect, useRef } from 'preact/hooks';
import { figure, metric, receiverSnr } from '../format.js';
import { colourOf, type Theme } from '../theme.js';
import { fitCanvas, useWidth } from './canvas.js';
import { constantGain, gainPlotOf, impulsePlotOf, SignalPlot, spectrumPlotOf } from './signal-plots.js';

interface ScopeProps {
  readonly sections: Pick<LiveView['sections'], 'scope' | 'response' | 'channel'>;
  readonly theme: Theme;
}

/** The signal itself: symbols before and after the equaliser, the channel that they met, and the spectrum. */
export function Scope({ sections: { scope, response, channel }, theme }: ScopeProps) {
  const signal = { scope, response, sampleRateHz: channel?.sampleRateHz ?? null };
  const gain = gainPlotOf(signal);
  const rest = [impulsePlotOf(signal), spectrumPlotOf(signal)].filter((plot) => plot !== null);
  // Where the gain is a number, the spectrum takes its place.
  const first = gain ?? rest.pop() ?? null;
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
          about={scope === null ? '' : `${figure(receiverSnr(scope).snrDb)} dB ${receiverSnr(scope).name}`}
          points={scope?.equalised ?? null}
          tone="refined"
          theme={theme}
          nothing={scope === null ? '' : 'no channel state'}
        />
        {first === null ? null : <SignalPlot plot={first} height={220} theme={theme} />}
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

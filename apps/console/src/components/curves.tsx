import { TABLES, type LiveView, type Row, type TableName } from '@semcast/console-messages';
import { otherMetrics, qualityMetrics } from '@semcast/quality';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { wordOf } from '../words.js';
import UPlot from 'uplot';
import { durationText, figure, metric, metricFigure, NONE, span } from '../format.js';
import { inTone, type Theme } from '../theme.js';
import { Plot, type Curve, type HorizontalAxis, type Mark, type PlotProps } from './plot.js';
import { newest } from './readouts.js';
import { Term } from './term.js';

/** A curve of a plot: where its values are, and how its newest one is written. */
interface CurveSpec extends Curve {
  readonly table: TableName;
  readonly column: string;
  readonly write: (value: number | null) => string;
}

interface PlotSpec extends Pick<PlotProps, 'unit' | 'rightUnit' | 'logarithmic' | 'least' | 'reference' | 'tick'> {
  readonly id: string;
  readonly title: string;
  readonly curves: readonly CurveSpec[];
  /** Takes the room of two. */
  readonly wide?: boolean;
}

const decibels = (value: number | null): string => (value === null ? NONE : `${figure(value)} dB`);
const milliseconds = (value: number | null): string => (value === null ? NONE : durationText(value));
const METRIC_COLOURS = ['estimate', 'refined', 'extra', 'preview', 'neutral'] as const;

/** Metrics of one unit share a plot, of final pictures. */
function plotOfMetrics(metrics: typeof otherMetrics): PlotSpec {
  return {
    id: metrics.map(({ name }) => name).join('-'),
    title: metrics.map(({ label }) => label).join(', '),
    unit: metrics[0]!.unit || 'ratio',
    least: [Math.min(...metrics.map(({ range }) => range[0])), Math.max(...metrics.map(({ range }) => range[1]))],
    curves: metrics.map(({ name, label, decimals }, i) => ({
      label,
      table: 'quality',
      column: name,
      colour: METRIC_COLOURS[i % METRIC_COLOURS.length]!,
      write: (value) => metricFigure(value, decimals),
    })),
  };
}

/** Curves with a table and a way of writing values in common. */
function alike(
  common: Pick<CurveSpec, 'table' | 'write'>,
  curves: readonly (Omit<CurveSpec, 'table' | 'write'> & { readonly table?: TableName })[],
): CurveSpec[] {
  return curves.map((curve) => Object.assign({}, common, curve));
}

const PLOTS: readonly PlotSpec[] = [
  {
    id: 'snr',
    title: 'SNR',
    unit: 'dB',
    least: [0, 20],
    curves: alike({ table: 'quality', write: decibels }, [
      { label: 'configured', column: 'snrConfiguredDb', colour: 'neutral', dashed: true },
      { label: 'effective', column: 'snrEffectiveDb', colour: 'estimate' },
      { label: 'estimated', column: 'snrEstimatedDb', colour: 'extra' },
    ]),
  },
  {
    id: 'psnr',
    title: 'PSNR',
    unit: 'dB',
    least: qualityMetrics.psnrDb.range,
    curves: alike({ table: 'quality', write: decibels }, [
      { label: 'preview', column: 'psnrPreviewDb', colour: 'preview' },
      { label: 'refined', column: 'psnrRefinedDb', colour: 'refined' },
    ]),
  },
  ...[...new Set(otherMetrics.map(({ unit }) => unit))].map((unit) =>
    plotOfMetrics(otherMetrics.filter((each) => each.unit === unit)),
  ),
  {
    id: 'residual',
    title: 'Measurement residual',
    unit: 'multiple of N₀',
    logarithmic: true,
    reference: 1,
    curves: alike({ table: 'residuals', write: (value) => figure(value, 2) }, [
      { label: 'final picture', column: 'residual', colour: 'extra' },
    ]),
  },
  {
    id: 'latency',
    title: 'Latency by stage',
    unit: 'time',
    tick: (value) => durationText(value),
    wide: true,
    logarithmic: true,
    curves: alike({ table: 'quality', write: milliseconds }, [
      { label: 'encode', column: 'encodeMs', colour: 'extra' },
      { label: 'queue', table: 'decoding', column: 'queueMs', colour: 'estimate', dashed: true },
      { label: 'decode', table: 'decoding', column: 'decodeMs', colour: 'refined' },
      { label: 'preview', column: 'previewMs', colour: 'preview' },
      { label: 'end to end', column: 'endToEndMs', colour: 'neutral' },
    ]),
  },
  {
    id: 'throughput',
    title: 'Throughput',
    unit: 'frames / s',
    rightUnit: 'channel uses / s',
    curves: alike({ table: 'rates', write: (value) => `${metric(value)}/s` }, [
      { label: 'frames', column: 'framesPerSecond', colour: 'refined' },
      { label: 'channel uses', column: 'channelUsesPerSecond', colour: 'estimate', right: true },
    ]),
  },
  {
    id: 'queue',
    title: 'Queue and batches',
    unit: 'frames',
    least: [0, 4],
    curves: alike({ table: 'decoding', write: (value) => figure(value, 0) }, [
      { label: 'waiting', column: 'queueDepth', colour: 'preview' },
      { label: 'in a batch', column: 'batchSize', colour: 'refined' },
    ]),
  },
];

const SPANS_SECONDS = [60, 300] as const;
const PLOT_HEIGHT = 150;
/** Longer than frames of slow decoders are apart: nothing came. */
const GAP_SECONDS = 20;
/** A value this near to the cursor is the one under it. */
const NEAR_MS = 10_000;
/** Curves are drawn anew so often; figures change with every message. */
const DRAW_MS = 500;

/** Curves over the last minutes, with events as upright lines. */
export function Curves({ view, theme }: { readonly view: LiveView; readonly theme: Theme }) {
  const [spanSeconds, setSpan] = useState<number>(SPANS_SECONDS[1]);
  const drawn = useSteady(view, DRAW_MS);
  const nowMs = Date.now() + drawn.clockOffsetMs;
  const events = drawn.events.filter(({ atMs }) => nowMs - atMs < spanSeconds * 1000);
  const marks: readonly Mark[] = events.map(({ atMs, level }) => ({ x: (atMs - nowMs) / 1000, level }));
  const [cursorMs, setCursorMs] = useState<number | null>(null);
  const near = cursorMs === null ? undefined : nearestOf(events, cursorMs, (1000 * spanSeconds) / 60);
  return (
    <section class="curves" aria-label="curves">
      <div class="bar">
        <h2>Over time</h2>
        <p class="at" data-cursor={cursorMs === null ? 'no' : 'yes'}>
          {cursorMs === null ? '' : `${span(nowMs - cursorMs)} ago`}
          {near === undefined ? '' : ` · ${near.message}`}
        </p>
        <div class="group" role="group" aria-label="how far back">
          {SPANS_SECONDS.map((seconds) => (
            <button key={seconds} type="button" aria-pressed={seconds === spanSeconds} onClick={() => setSpan(seconds)}>
              {seconds / 60} min
            </button>
          ))}
        </div>
      </div>
      <div class="plots">
        {PLOTS.map((spec) => (
          <CurvePanel
            key={spec.id}
            spec={spec}
            view={view}
            drawn={drawn}
            nowMs={nowMs}
            {...{ marks, spanSeconds, theme, cursorMs }}
            onCursor={setCursorMs}
          />
        ))}
      </div>
    </section>
  );
}

interface CurvePanelProps {
  readonly spec: PlotSpec;
  readonly view: LiveView;
  readonly drawn: LiveView;
  readonly nowMs: number;
  readonly marks: readonly Mark[];
  readonly spanSeconds: number;
  readonly theme: Theme;
  /** The moment under the cursor, of whichever plot. */
  readonly cursorMs: number | null;
  readonly onCursor: (atMs: number | null) => void;
}

function CurvePanel({ spec, view, drawn, nowMs, marks, spanSeconds, theme, cursorMs, onCursor }: CurvePanelProps) {
  const { id, title, curves, wide = false, ...axes } = spec;
  const data = useMemo(() => dataOf(curves, drawn, nowMs, spanSeconds), [drawn, spanSeconds]);
  return (
    <figure class={wide ? 'panel curve double' : 'panel curve'} data-plot={id}>
      <figcaption>
        <span class="title">{wordOf(id) === undefined ? title : <Term word={id}>{title}</Term>}</span>
        <span class="legend">
          {curves.map(({ label, colour, dashed = false, table, column, write }) => (
            <span key={label} style={inTone(colour)} class={dashed ? 'dashed' : ''}>
              {label}{' '}
              <b>
                {write(
                  cursorMs === null ? newest(view, table, column as never) : valueAt(drawn, table, column, cursorMs),
                )}
              </b>
            </span>
          ))}
        </span>
      </figcaption>
      <Plot
        {...axes}
        curves={curves.map(({ label, colour, dashed = false, right = false }) => ({ label, colour, dashed, right }))}
        {...{ data, marks, theme }}
        x={timeAxis(spanSeconds)}
        height={PLOT_HEIGHT}
        cursorOf="time"
        gap={GAP_SECONDS}
        onCursor={(row) => onCursor(row === null ? null : nowMs + 1000 * (data[0][row] ?? 0))}
      />
    </figure>
  );
}

/** The value of a column nearest to a moment; null where there is none near it. */
function valueAt({ tables }: LiveView, table: TableName, column: string, atMs: number): number | null {
  const index = indexOf(table, column);
  const rows: readonly Row[] = tables[table].filter((row) => (row[index] ?? null) !== null);
  const row = rows.toSorted((a, b) => Math.abs(a[0]! - atMs) - Math.abs(b[0]! - atMs))[0];
  return row !== undefined && Math.abs(row[0]! - atMs) < NEAR_MS ? row[index]! : null;
}

/** The event nearest to a moment, if one is near. */
function nearestOf(events: LiveView['events'], atMs: number, withinMs: number): LiveView['events'][number] | undefined {
  return events
    .filter((event) => Math.abs(event.atMs - atMs) < withinMs)
    .toSorted((a, b) => Math.abs(a.atMs - atMs) - Math.abs(b.atMs - atMs))[0];
}

/** In seconds before now. */
function timeAxis(spanSeconds: number): HorizontalAxis {
  return { range: [-spanSeconds, 0], write: (tick) => (tick === 0 ? 'now' : `−${Math.abs(tick)} s`) };
}

/** Columns of one or two tables over a common time, in seconds before now. */
function dataOf(
  curves: readonly CurveSpec[],
  { tables }: LiveView,
  nowMs: number,
  spanSeconds: number,
): UPlot.AlignedData {
  const fromMs = nowMs - 1000 * spanSeconds;
  const names = [...new Set(curves.map(({ table }) => table))];
  const joined = names.map((name) => {
    const rows: readonly Row[] = tables[name].filter(([atMs]) => atMs! >= fromMs);
    const columns = curves.filter(({ table }) => table === name).map(({ column }) => indexOf(name, column));
    return [
      rows.map(([atMs]) => (atMs! - nowMs) / 1000),
      ...columns.map((column) => rows.map((row) => row[column] ?? null)),
    ] as unknown as UPlot.AlignedData;
  });
  if (joined.length === 1) {
    return joined[0]!;
  }
  // Curves come out by table; they are wanted as listed.
  const all = UPlot.join(joined) as unknown as [number[], ...(number | null)[][]];
  const order = names.flatMap((name) => curves.filter(({ table }) => table === name));
  return [all[0], ...curves.map((curve) => all[order.indexOf(curve) + 1]!)] as UPlot.AlignedData;
}

function indexOf(table: TableName, column: string): number {
  return (TABLES[table] as readonly string[]).indexOf(column) + 1;
}

/** A value that changes no more often than every so many milliseconds, and as often as that, as time goes on by itself. */
function useSteady(value: LiveView, everyMs: number): LiveView {
  const [steady, setSteady] = useState(value);
  const [latest] = useState({ value });
  latest.value = value;
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) {
        setSteady({ ...latest.value });
      }
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return steady;
}

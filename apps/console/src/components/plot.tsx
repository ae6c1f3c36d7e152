import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import { colourOf, type Theme, type Tone } from '../theme.js';
import { useWidth } from './canvas.js';

/** One curve. */
export interface Curve {
  readonly label: string;
  readonly colour: Tone;
  readonly dashed?: boolean;
  /** On the axis at the right. */
  readonly right?: boolean;
  /** An upright line for each value. */
  readonly stems?: boolean;
}

/** The axis below. */
export interface HorizontalAxis {
  readonly range: readonly [number, number];
  readonly label?: string;
  readonly write: (tick: number) => string;
}

/** A moment to be marked. */
export interface Mark {
  readonly x: number;
  readonly level: 'info' | 'warn' | 'error';
}

export interface PlotProps {
  readonly curves: readonly Curve[];
  /** Values of x in ascending order, then a list for each curve. */
  readonly data: UPlot.AlignedData;
  /** What the axes at the left and at the right are of, with the unit. */
  readonly unit: string;
  readonly rightUnit?: string;
  readonly logarithmic?: boolean;
  /** Least range that the axis shows, so that small changes aren't blown up. */
  readonly least?: readonly [number, number];
  readonly x: HorizontalAxis;
  readonly marks?: readonly Mark[];
  /** A value that curves are compared with. */
  readonly reference?: number;
  readonly theme: Theme;
  readonly height: number;
  /** Plots of one name have one cursor. */
  readonly cursorOf?: string;
  /** How ticks of the upright axis are written. */
  readonly tick?: (value: number) => string;
  /** A distance in x beyond which there is a hole in a curve; default: never. */
  readonly gap?: number;
  /** Called with the row under the cursor; null when it isn't there. */
  readonly onCursor?: (row: number | null) => void;
}

// uPlot's names for these are const enums, which a compiler of single files can't read.
const LOGARITHMIC: object = { distr: 3 };
const AT_RIGHT: object = { side: 1 };
/** Thin bars that stand on the axis. */
const STEMS: Pick<UPlot.Series, 'paths' | 'fillTo'> = {
  paths: UPlot.paths.bars!({ size: [0.5, 2] }),
  fillTo: (plot) => plot.scales['y']!.min!,
};
const FONT = '10.5px Inter, system-ui, sans-serif';

/** Curves over one axis. */
export function Plot(props: PlotProps) {
  const { curves, data, unit, rightUnit, logarithmic = false, least, reference, theme, height, x } = props;
  const place = useRef<HTMLDivElement>(null);
  const width = useWidth(place);
  const plot = useRef<UPlot | null>(null);
  const current = useRef(props);
  current.current = props;
  const shape = JSON.stringify([curves, unit, rightUnit, logarithmic, least, reference, theme, height, x]);

  useEffect(() => {
    if (place.current === null || width === 0) {
      return undefined;
    }
    const made = new UPlot(
      optionsOf(current.current, width, () => current.current),
      current.current.data,
      place.current,
    );
    plot.current = made;
    return () => {
      plot.current = null;
      made.destroy();
    };
  }, [shape, width]);
  useEffect(() => {
    if (!document.hidden) {
      plot.current?.setData(data);
    }
  }, [data]);
  return <div class="plot" ref={place} style={{ height: `${height}px` }} />;
}

function optionsOf(props: PlotProps, width: number, current: () => PlotProps): UPlot.Options {
  const { curves, unit, rightUnit, logarithmic = false, least, x, height, cursorOf, gap, tick = tickText } = props;
  const axis = { stroke: colourOf('dim'), font: FONT, labelFont: FONT, ticks: { show: false } } as const;
  const upright = { ...axis, size: 40, gap: 4, labelSize: 13, labelGap: 0, space: 26 } as const;
  const grid = { stroke: colourOf('line'), width: 1 } as const;
  return {
    width,
    height,
    legend: { show: false },
    cursor: {
      show: true,
      points: { size: 5 },
      y: false,
      drag: { setScale: false },
      ...(cursorOf === undefined ? {} : { sync: { key: cursorOf } }),
    },
    padding: [8, rightUnit === undefined ? 10 : 0, 0, 0],
    scales: {
      x: { time: false, range: [...x.range] },
      y: logarithmic
        ? { ...LOGARITHMIC, range: (_plot, low, high) => logRange(low, high) }
        : { range: (_plot, low, high) => linearRange(low, high, least) },
      right: { range: (_plot, low, high) => linearRange(low, high, undefined) },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 24,
        gap: 7,
        space: 52,
        ...(x.label === undefined ? {} : { label: x.label, labelSize: 15, labelGap: 0 }),
        values: (_plot, ticks) => ticks.map(x.write),
      },
      {
        ...upright,
        grid: logarithmic ? { ...grid, filter: (_plot, ticks) => ticks.map(decadeOnly) } : grid,
        ...(logarithmic ? { filter: (_plot: UPlot, ticks: number[]) => ticks.map(decadeOnly) } : {}),
        label: unit,
        values: (_plot, ticks) => ticks.map((value) => (value === null ? '' : tick(value))),
      },
      ...(rightUnit === undefined
        ? []
        : [
            {
              ...upright,
              scale: 'right',
              ...AT_RIGHT,
              grid: { show: false },
              label: rightUnit,
              values: (_plot: UPlot, ticks: number[]) => ticks.map(tickText),
            },
          ]),
    ],
    series: [
      {},
      ...curves.map(({ label, colour, dashed = false, right = false, stems = false }) => ({
        label,
        scale: right ? 'right' : 'y',
        stroke: colourOf(colour),
        width: 1.5,
        // Rows of two tables alternate: what is missing in a row is no gap, a long time without one is.
        spanGaps: false,
        gaps: (plot: UPlot, series: number) => gapsOf(plot, series, gap ?? Infinity),
        // A value alone among gaps is a point.
        points: { ...(stems ? { show: true } : {}), size: stems ? 6 : 4, fill: colourOf(colour) },
        dash: dashed ? [4, 3] : [],
        ...(stems ? { ...STEMS, fill: colourOf(colour) } : {}),
      })),
    ],
    hooks: {
      setCursor: [
        ({ cursor: { idx } }) => {
          current().onCursor?.(idx ?? null);
        },
      ],
      drawAxes: [
        (plot) => {
          drawMarks(plot, current());
        },
      ],
    },
  };
}

/** Where a curve has a hole, in pixels of the canvas: between values that are further apart than `gap`. */
function gapsOf(plot: UPlot, series: number, gap: number): [number, number][] {
  const values = plot.data[series]!;
  const places = plot.data[0];
  const gaps: [number, number][] = [];
  let before: number | undefined;
  for (const [i, value] of values.entries()) {
    if (value === null || value === undefined) {
      continue;
    }
    const place = places[i]!;
    if (before !== undefined && place - before > gap) {
      gaps.push([plot.valToPos(before, 'x', true), plot.valToPos(place, 'x', true)]);
    }
    before = place;
  }
  return gaps;
}

/** Events as thin upright lines, and the value that curves are compared with as a level one. */
function drawMarks(plot: UPlot, { marks = [], reference }: PlotProps): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.lineWidth = window.devicePixelRatio;
  for (const { x, level } of marks) {
    const at = Math.round(plot.valToPos(x, 'x', true)) + 0.5;
    if (at < bbox.left || at > bbox.left + bbox.width) {
      continue;
    }
    ctx.strokeStyle = colourOf(level === 'info' ? 'event' : level === 'warn' ? 'warn' : 'bad');
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
  }
  if (reference !== undefined) {
    const at = Math.round(plot.valToPos(reference, 'y', true)) + 0.5;
    ctx.strokeStyle = colourOf('dim');
    ctx.setLineDash([]);
    ctx.globalAlpha = 0.7;
    ctx.beginPath();
    ctx.moveTo(bbox.left, at);
    ctx.lineTo(bbox.left + bbox.width, at);
    ctx.stroke();
  }
  ctx.restore();
}

/** On a logarithmic axis the lines between decades say nothing and hide the curves. */
function decadeOnly(tick: number): number | null {
  const power = Math.log10(tick);
  return Math.abs(power - Math.round(power)) < 1e-9 ? tick : null;
}

function tickText(tick: number): string {
  const size = Math.abs(tick);
  const text = size >= 1e6 ? `${size / 1e6} M` : size >= 1e3 ? `${size / 1e3} k` : String(Number(size.toPrecision(3)));
  return tick < 0 ? `−${text}` : text;
}

/** Room around the curves, and never less than what `least` asks for. */
function linearRange(
  low: number | null,
  high: number | null,
  least: readonly [number, number] | undefined,
): [number, number] {
  const [from, to] = [low ?? least?.[0] ?? 0, high ?? least?.[1] ?? 1];
  const bottom = Math.min(from, least?.[0] ?? from);
  const top = Math.max(to, least?.[1] ?? to);
  const room = (top - bottom) * 0.06 || 0.5;
  // What can't be negative doesn't seem to be.
  return [bottom >= 0 && bottom - room < 0 ? 0 : bottom - room, top + room];
}

/** Whole decades. */
function logRange(low: number | null, high: number | null): [number, number] {
  const from = 10 ** Math.floor(Math.log10(Math.max(1e-3, low ?? 0.1)));
  const to = 10 ** Math.ceil(Math.log10(Math.max(2 * from, high ?? 10)));
  return [from, to > from ? to : 10 * from];
}

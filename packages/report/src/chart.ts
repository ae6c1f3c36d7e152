import * as Plot from '@observablehq/plot';
import type { Interval } from '@semcast/quality';
import { DOMParser } from 'linkedom';
import { FONT_FAMILY, textWidth } from './font.js';

export interface ChartAxis {
  /** With its unit: `PSNR (dB)`. */
  readonly label: string;
  /** In place of numbers at even steps. */
  readonly ticks?: readonly { readonly value: number; readonly text: string }[];
  readonly scale?: 'linear' | 'log';
}

export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  readonly xInterval?: Interval | undefined;
  readonly yInterval?: Interval | undefined;
  /** Written beside it. */
  readonly note?: string | undefined;
}

export interface ChartSeries {
  /** In the legend; empty for a series that an axis names. */
  readonly label: string;
  /** Joined by a line, in this order, where the axis of y has no categories. */
  readonly points: readonly ChartPoint[];
  /** A vertical line, in the colour of the series where it is of no other. */
  readonly mark?: { readonly x: number; readonly text: string } | undefined;
}

export interface Chart {
  /** Of its files, without an ending. */
  readonly name: string;
  /** What it shows, in a sentence: for the caption, and for readers who don't see it. */
  readonly caption: string;
  readonly x: ChartAxis;
  readonly y: ChartAxis;
  readonly series: readonly ChartSeries[];
}

/** A column of a journal. */
export const COLUMN_WIDTH_MM = 84;

const PX_PER_MM = 96 / 25.4;
/** 7.5 points. */
const FONT_SIZE = 10;
const LEGEND_LINE = 14;
const LEGEND_SAMPLE = 22;
const RIGHT = 10;
const BOTTOM = 38;
/** Rotated label and numbers. */
const LEFT = 46;
const TICK_GAP = 8;

/** Okabe and Ito (2008), "Color universal design", without black and yellow; told apart by symbols, too. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'] as const;
const SYMBOLS = ['circle', 'square', 'triangle', 'diamond', 'star', 'cross', 'wye'] as const;

interface Look {
  readonly colour: string;
  readonly symbol: (typeof SYMBOLS)[number];
  readonly dash: string;
}

/** Series beyond the number of colours are dashed. */
function lookOf(index: number): Look {
  return {
    colour: COLOURS[index % COLOURS.length]!,
    symbol: SYMBOLS[index % SYMBOLS.length]!,
    dash: index < COLOURS.length ? 'none' : '4 2',
  };
}

interface LegendEntry extends Look {
  readonly label: string;
  readonly x: number;
  readonly y: number;
}

/** Entries in lines above the plot, where they hide nothing. */
function layLegend(series: readonly ChartSeries[], from: number, to: number): LegendEntry[] {
  let [x, y] = [from, LEGEND_LINE / 2];
  return series.flatMap(({ label }, index) => {
    if (label === '') {
      return [];
    }
    const width = LEGEND_SAMPLE + textWidth(label, FONT_SIZE) + 10;
    if (x > from && x + width > to) {
      [x, y] = [from, y + LEGEND_LINE];
    }
    const entry = { ...lookOf(index), label, x, y };
    x += width;
    return [entry];
  });
}

/** Pixels, whatever the scales of the axes. */
const pixels = <Row>(value: (row: Row) => number) => ({ value, scale: null });

/** Powers of ten within a domain; up to two decades, 2 and 5 times these, too. */
function logTicks([low, high]: readonly [number, number]): { value: number; text: string }[] {
  const factors = high / low > 100 ? [1] : [1, 2, 5];
  const from = Math.floor(Math.log10(low));
  return Array.from({ length: Math.ceil(Math.log10(high)) - from + 1 }, (_, i) => from + i)
    .flatMap((exponent) => factors.map((factor) => Number(`${factor}e${exponent}`)))
    .filter((value) => value >= low && value <= high)
    .map((value) => ({ value, text: String(value) }));
}

/** What an axis has to span. */
function domainOf(
  { ticks = [] }: ChartAxis,
  values: readonly { readonly at: number; readonly interval: Interval | undefined }[],
): [number, number] {
  const all = values.flatMap(({ at, interval }) => [at, interval?.low ?? at, interval?.high ?? at]);
  all.push(...ticks.map(({ value }) => value));
  return [Math.min(...all), Math.max(...all)];
}

function axisTicks(ticks: ChartAxis['ticks']) {
  const textOf = new Map(ticks?.map(({ value, text }) => [value, text]));
  return ticks === undefined
    ? {}
    : // As tickFormat, Plot would leave some of an axis with logarithms empty.
      { ticks: ticks.map(({ value }) => value), text: (value: number) => textOf.get(value) ?? '' };
}

/** Vertical lines within the axis, each once: of several series in the colour of the text. */
function verticalMarks(series: readonly ChartSeries[], [from, to]: readonly [number, number]) {
  return series.flatMap(({ mark }, index) => {
    const owners = series.flatMap((other, place) => (other.mark?.x === mark?.x ? [place] : []));
    if (mark === undefined || owners[0] !== index || mark.x < from || mark.x > to) {
      return [];
    }
    const colour = owners.length > 1 ? 'currentColor' : lookOf(index).colour;
    return [
      Plot.ruleX([mark.x], { stroke: colour, strokeDasharray: '2 2' }),
      Plot.text([mark], {
        x: 'x',
        text: 'text',
        frameAnchor: 'bottom',
        rotate: -90,
        textAnchor: 'start',
        dx: 11,
        dy: -4,
        fill: colour,
      }),
    ];
  });
}

function seriesMarks({ points }: ChartSeries, { colour, symbol, dash }: Look, isJoined: boolean) {
  const stroke = { stroke: colour, strokeOpacity: 0.45, strokeWidth: 1 };
  return [
    Plot.ruleX(
      points.filter(({ yInterval }) => yInterval !== undefined),
      { x: 'x', y1: ({ yInterval }) => yInterval.low, y2: ({ yInterval }) => yInterval.high, ...stroke },
    ),
    Plot.ruleY(
      points.filter(({ xInterval }) => xInterval !== undefined),
      { y: 'y', x1: ({ xInterval }) => xInterval.low, x2: ({ xInterval }) => xInterval.high, ...stroke },
    ),
    ...(isJoined
      ? [Plot.line(points, { x: 'x', y: 'y', stroke: colour, strokeWidth: 1.5, strokeDasharray: dash })]
      : []),
    Plot.dot(points, { x: 'x', y: 'y', fill: colour, symbol, r: 3 }),
    Plot.text(
      points.filter(({ note }) => note !== undefined),
      { x: 'x', y: 'y', text: 'note', textAnchor: 'start', dx: 6, dy: -6, fill: colour },
    ),
  ];
}

/**
 * Draw a chart.
 *
 * @param widthMm of the whole; letters have 7.5 points at any width
 * @returns an SVG element without `xmlns`, in which `currentColor` is the colour of the text: as a part of a page it
 *   suits light and dark ones; {@link svgFile} makes a file of it
 */
export function renderChart(chart: Chart, { widthMm = COLUMN_WIDTH_MM }: { readonly widthMm?: number } = {}): string {
  const { x, y, series } = chart;
  const width = Math.round(widthMm * PX_PER_MM);
  const named = Math.max(0, ...(y.ticks ?? []).map(({ text }) => textWidth(text, FONT_SIZE)));
  const marginLeft = y.ticks === undefined ? LEFT : Math.ceil(named) + TICK_GAP + LEGEND_LINE;
  const legend = layLegend(series, y.ticks === undefined ? LEFT : 0, width - RIGHT);
  const marginTop = Math.max(0, ...legend.map((entry) => entry.y)) + LEGEND_LINE;
  const rows = y.ticks?.length;
  const body = rows === undefined ? 0.55 * width : 18 * rows + 12;
  const height = Math.round(marginTop + body + BOTTOM);
  const points = series.flatMap((each) => each.points);
  const xDomain = domainOf(
    x,
    points.map(({ x: at, xInterval }) => ({ at, interval: xInterval })),
  );
  const yDomain = domainOf(
    y,
    points.map(({ y: at, yInterval }) => ({ at, interval: yInterval })),
  );
  const xTicks = axisTicks(x.ticks ?? (x.scale === 'log' ? logTicks(xDomain) : undefined));
  const yTicks = axisTicks(y.ticks ?? (y.scale === 'log' ? logTicks(yDomain) : undefined));
  const document = new DOMParser().parseFromString('<svg/>', 'image/svg+xml');
  const svg = Plot.plot({
    document,
    width,
    height,
    marginTop,
    marginLeft,
    marginRight: RIGHT,
    marginBottom: BOTTOM,
    inset: 8,
    x: { type: x.scale ?? 'linear', domain: xDomain, label: null },
    y: {
      type: y.scale ?? 'linear',
      label: null,
      nice: y.ticks === undefined && y.scale !== 'log',
      ...(rows && { reverse: true }),
    },
    marks: [
      Plot.gridX({ ...xTicks, strokeOpacity: 0.12 }),
      Plot.gridY({ ...yTicks, strokeOpacity: 0.12 }),
      Plot.axisX({ ...xTicks, tickSize: 0, label: x.label, labelAnchor: 'center', labelArrow: 'none' }),
      Plot.axisY({
        ...yTicks,
        tickSize: 0,
        label: y.label,
        labelAnchor: 'center',
        labelArrow: 'none',
        labelOffset: marginLeft - 4,
      }),
      Plot.frame({ strokeOpacity: 0.5 }),
      ...verticalMarks(series, xDomain),
      ...series.flatMap((each, index) => seriesMarks(each, lookOf(index), y.ticks === undefined)),
      ...legend.flatMap((entry) => [
        Plot.link([entry], {
          x1: pixels<LegendEntry>((at) => at.x),
          x2: pixels<LegendEntry>((at) => at.x + LEGEND_SAMPLE - 6),
          y1: pixels<LegendEntry>((at) => at.y),
          y2: pixels<LegendEntry>((at) => at.y),
          stroke: entry.colour,
          strokeWidth: 1.5,
          strokeDasharray: entry.dash,
        }),
        Plot.dot([entry], {
          x: pixels<LegendEntry>((at) => at.x + (LEGEND_SAMPLE - 6) / 2),
          y: pixels<LegendEntry>((at) => at.y),
          fill: entry.colour,
          symbol: entry.symbol,
          r: 3,
        }),
      ]),
      Plot.text(legend, {
        x: pixels<LegendEntry>((at) => at.x + LEGEND_SAMPLE - 2),
        y: pixels<LegendEntry>((at) => at.y),
        text: 'label',
        textAnchor: 'start',
      }),
    ],
  });
  // It scopes defaults for pages that have none of their own.
  svg.querySelector('style')?.remove();
  for (const name of ['class', 'style']) {
    svg.removeAttribute(name);
  }
  svg.setAttribute('font-family', FONT_FAMILY);
  svg.setAttribute('font-size', String(FONT_SIZE));
  svg.setAttribute('width', `${widthMm}mm`);
  svg.setAttribute('height', `${(height / width) * widthMm}mm`);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', chart.caption);
  return svg.toString();
}

/** An SVG file, black on white, of an element: whoever shows it may have a dark page. */
export function svgFile(element: string): string {
  const paper = '<rect width="100%" height="100%" fill="#fff"/>';
  const opened = element.replace(/<svg ([^>]*)>/, `<svg xmlns="http://www.w3.org/2000/svg" $1>${paper}`);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${opened.replaceAll('currentColor', '#000')}\n`;
}

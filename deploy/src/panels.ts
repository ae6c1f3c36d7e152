import {
  PanelBuilder as HeatmapPanel,
  HeatmapColorOptionsBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { ThresholdsConfigBuilder, ThresholdsMode, type Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatPanel } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeseriesPanel } from '@grafana/grafana-foundation-sdk/timeseries';
import { PanelBuilder as ScatterPanel, SeriesMapping, XYShowMode } from '@grafana/grafana-foundation-sdk/xychart';
import { quantile } from './promql.js';

/** The data source that a dashboard's variable of this name selects. */
export const DATA_SOURCE = { type: 'prometheus', uid: '${datasource}' } as const;

/** A panel whose place is still to be given. */
export type PlaceablePanel = Builder<Panel> & {
  id(id: number): unknown;
  height(h: number): unknown;
  span(w: number): unknown;
};

export interface PanelTexts {
  readonly title: string;
  /** What it shows and what to think of it, for who sees it for the first time. */
  readonly description: string;
  /** A Grafana unit: `s`, `dB`, `reqps`, `percentunit`; `short` for plain numbers. */
  readonly unit: string;
}

export interface Query {
  readonly expr: string;
  /** As Grafana writes it: `{{decoder}}`. */
  readonly legend: string;
}

/** Quantiles of a histogram, one curve for each share (0 … 1). */
export function quantiles(
  shares: readonly number[],
  histogram: string,
  legend: string,
  by: readonly string[] = [],
): Query[] {
  return shares.map((share) => ({ expr: quantile(share, histogram, by), legend: `${legend}, p${share * 100}` }));
}

/** Colour from a value on. */
export type Step = readonly [from: number, colour: string];

const REF_IDS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

function queryOf({ expr, legend }: Query, index: number): DataqueryBuilder {
  return new DataqueryBuilder().expr(expr).legendFormat(legend).refId(REF_IDS[index]!).datasource(DATA_SOURCE);
}

function thresholds(base: string, steps: readonly Step[]): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps([{ value: null, color: base }, ...steps.map(([value, color]) => ({ value, color }))]);
}

export interface CurvesOptions extends PanelTexts {
  readonly queries: readonly Query[];
  /** Parts of a whole, on top of each other. Default false. */
  readonly stacked?: boolean;
  /** The axis goes from the least to the greatest value, and not from 0. Default false. */
  readonly fitted?: boolean;
  readonly max?: number;
}

/** Curves over time. */
export function curves({
  title,
  description,
  unit,
  queries,
  stacked = false,
  fitted = false,
  max,
}: CurvesOptions): PlaceablePanel {
  const panel = new TimeseriesPanel()
    .title(title)
    .description(description)
    .unit(unit)
    .datasource(DATA_SOURCE)
    .targets(queries.map((query, index) => queryOf(query, index).range()))
    .drawStyle(GraphDrawStyle.Line)
    .lineWidth(1)
    .fillOpacity(stacked ? 30 : 8)
    .showPoints(VisibilityMode.Never)
    .stacking(new StackingConfigBuilder().mode(stacked ? StackingMode.Normal : StackingMode.None))
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(['lastNotNull', 'mean', 'max']),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .span(12)
    .height(8);
  if (!fitted) {
    panel.min(0);
  }
  if (max !== undefined) {
    panel.max(max);
  }
  return panel;
}

export interface FigureOptions extends PanelTexts {
  readonly expr: string;
  /** Default: what `DECIMALS` has for the unit, otherwise 1. */
  readonly decimals?: number;
  /** Colour below the first step. Default green. */
  readonly base?: string;
  readonly steps?: readonly Step[];
  /** The text while there is no value. */
  readonly noValue?: string;
}

const DECIMALS: Readonly<Record<string, number>> = { s: 2, 'frames/s': 2, short: 0 };

/** One figure, the newest, over its curve. */
export function figure(options: FigureOptions): PlaceablePanel {
  const { title, description, unit, expr, base = 'green', steps = [], noValue = '–' } = options;
  const { decimals = DECIMALS[unit] ?? 1 } = options;
  return new StatPanel()
    .title(title)
    .description(description)
    .unit(unit)
    .decimals(decimals)
    .noValue(noValue)
    .datasource(DATA_SOURCE)
    .targets([queryOf({ expr, legend: title }, 0).range()])
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false))
    .thresholds(thresholds(base, steps))
    .span(3)
    .height(4);
}

export interface DistributionOptions extends PanelTexts {
  /** Observations by `le`. */
  readonly expr: string;
}

/** How a distribution moves over time. */
export function distribution({ title, description, unit, expr }: DistributionOptions): PlaceablePanel {
  return new HeatmapPanel()
    .title(title)
    .description(description)
    .datasource(DATA_SOURCE)
    .targets([queryOf({ expr, legend: '{{le}}' }, 0).range().format(PromQueryFormat.Heatmap)])
    .calculate(false)
    .color(new HeatmapColorOptionsBuilder().scheme('Viridis').steps(64))
    .yAxis(new YAxisConfigBuilder().unit(unit))
    .span(12)
    .height(8);
}

export interface ScatterOptions extends PanelTexts {
  /** What goes to the right, and what it is called there. */
  readonly x: Query;
  readonly xUnit: string;
  /** What goes up, one series each. */
  readonly y: readonly Query[];
}

/** Values of the same moments against each other: one point a moment. */
export function scatter({ title, description, unit, x, xUnit, y }: ScatterOptions): PlaceablePanel {
  return (
    new ScatterPanel()
      .title(title)
      .description(description)
      .unit(unit)
      .datasource(DATA_SOURCE)
      .targets([x, ...y].map((query, index) => queryOf(query, index).range()))
      // One table, a row a moment; without the time, its first column is what goes to the right.
      .transformations([
        { id: 'joinByField', options: { byField: 'Time', mode: 'outer' } },
        { id: 'organize', options: { excludeByName: { Time: true } } },
      ])
      .overrideByName(x.legend, [{ id: 'unit', value: xUnit }])
      .mapping(SeriesMapping.Auto)
      .show(XYShowMode.Points)
      .pointSize({ fixed: 5 })
      .legend(
        new VizLegendOptionsBuilder()
          .displayMode(LegendDisplayMode.List)
          .placement(LegendPlacement.Bottom)
          .showLegend(true)
          .calcs([]),
      )
      .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Single).sort(SortOrder.None))
      .span(12)
      .height(10)
  );
}

import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { metricsIn } from './promql.js';
import type { KnownMetrics } from './known-metrics.js';

/** A query, and where it stands. */
export interface Expression {
  /** `overview: Frames completed` */
  readonly where: string;
  readonly expr: string;
}

interface PanelLike {
  readonly title?: string;
  readonly targets?: readonly { readonly expr?: string }[];
  readonly panels?: readonly PanelLike[];
}

/** Every query of a dashboard's panels, in order, those in collapsed rows too. */
export function expressionsOfDashboard(name: string, { panels = [] }: Dashboard): Expression[] {
  const of = ({ title = '', targets = [], panels: inside = [] }: PanelLike): Expression[] => [
    ...targets.flatMap(({ expr }) => (expr === undefined ? [] : [{ where: `${name}: ${title}`, expr }])),
    ...inside.flatMap(of),
  ];
  return (panels as readonly PanelLike[]).flatMap(of);
}

/** As it stands in a rule or an HTTP query: Grafana's variables replaced by what they may come to. */
export function withoutVariables(expr: string, rateWindow = '1m'): string {
  return expr.replaceAll('$__rate_interval', rateWindow).replaceAll('$decoder', '.+');
}

const textMap = z.record(z.string(), z.string());
const ruleSchema = z.union([
  z.strictObject({ record: z.string(), expr: z.string(), labels: textMap.optional() }),
  z.strictObject({
    alert: z.string(),
    expr: z.string(),
    for: z.string().optional(),
    keep_firing_for: z.string().optional(),
    labels: z.strictObject({ severity: z.enum(['critical', 'warning']) }),
    annotations: z.strictObject({ summary: z.string(), description: z.string(), remedy: z.string() }),
  }),
]);
const rulesSchema = z.strictObject({
  groups: z.array(z.strictObject({ name: z.string(), interval: z.string().optional(), rules: z.array(ruleSchema) })),
});

/** A recording or alert rule, as its file has it. */
export type Rule = z.infer<typeof ruleSchema>;
export type AlertRule = Extract<Rule, { alert: string }>;
export type RecordingRule = Extract<Rule, { record: string }>;

/** The rules of a file of Prometheus, in order. @throws ZodError when it is none, or an alert lacks its words */
export function parseRules(yaml: string): Rule[] {
  return rulesSchema.parse(parseYaml(yaml)).groups.flatMap(({ rules }) => rules);
}

export function isAlert(rule: Rule): rule is AlertRule {
  return 'alert' in rule;
}

export function nameOfRule(rule: Rule): string {
  return isAlert(rule) ? rule.alert : rule.record;
}

/** Every metric that expressions name and nobody makes, and every label that its metric doesn't have. */
export function findUnknownNames(expressions: readonly Expression[], known: KnownMetrics): string[] {
  return expressions.flatMap(({ where, expr }) =>
    metricsIn(expr).flatMap(({ metric, labels }) => {
      const has = known.get(metric);
      if (has === undefined) {
        return [`${where} names ${metric}, which nobody exposes or records`];
      }
      return labels
        .filter((label) => !has.has(label))
        .map((label) => `${where} selects ${metric} by ${label}, which it doesn't have`);
    }),
  );
}

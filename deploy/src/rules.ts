import { parse as parseYaml } from 'yaml';
import { z } from 'zod';

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

/** The rules of a file of Prometheus, in order. @throws ZodError when it is no such file, or an alert lacks its texts */
export function parseRules(yaml: string): Rule[] {
  return rulesSchema.parse(parseYaml(yaml)).groups.flatMap(({ rules }) => rules);
}

export function isAlert(rule: Rule): rule is Extract<Rule, { alert: string }> {
  return 'alert' in rule;
}

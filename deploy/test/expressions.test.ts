import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dashboards, DECODER_VALUES, isAlert, readRules } from '@semcast/deploy';
import { createMetrics, METRIC_DEFINITIONS, type MetricDefinition } from '@semcast/service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { promtool, runPromtool } from './support/promtool.js';
import {
  expressionsOfDashboard,
  findUnknownNames,
  knownMetrics,
  nameOfRule,
  withoutVariables,
  type Expression,
} from './support/queries.js';

const rules = await readRules();
const ofDashboards = Object.entries(dashboards).flatMap(([name, dashboard]) => expressionsOfDashboard(name, dashboard));
const ofRules: Expression[] = rules.map((rule) => ({ where: nameOfRule(rule), expr: rule.expr }));
const recorded = rules.filter((rule) => !isAlert(rule)).map(nameOfRule);
const known = knownMetrics(await createMetrics('receiver').text(), recorded);

describe('the queries', () => {
  it('are found: several on each dashboard, one in each rule', () => {
    for (const [name, dashboard] of Object.entries(dashboards)) {
      expect(expressionsOfDashboard(name, dashboard).length, name).toBeGreaterThan(10);
    }
    expect(ofRules.length).toBe(rules.length);
  });

  it('name metrics that exist, and select them by labels that they have', () => {
    expect(findUnknownNames([...ofDashboards, ...ofRules], known)).toEqual([]);
  });

  it('leave no metric of the contract out', () => {
    const named = ofDashboards.map(({ expr }) => expr).join('\n');
    const unused = Object.values<MetricDefinition>(METRIC_DEFINITIONS).filter(({ name }) => !named.includes(name));
    expect(unused.map(({ name }) => name)).toEqual([]);
  });

  it('let one choose among decoders by a metric that has them', () => {
    const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(DECODER_VALUES)!;
    expect(known.get(metric!)).toContain(label);
  });

  it('use no variable of Grafana that the checks do not know', () => {
    expect(ofDashboards.filter(({ expr }) => withoutVariables(expr).includes('$'))).toEqual([]);
  });

  it.each([
    ['semcast_frames', 'names semcast_frames, which'],
    ['sum(rate(semcast_frame_latency_seconds[1m]))', 'names semcast_frame_latency_seconds, which'],
    ['semcast_snr_db{decoder="jscc"}', "by decoder, which it doesn't have"],
    ['process_cpu_second_total', 'names process_cpu_second_total, which'],
  ])('would be caught: %s', (expr, message) => {
    const [problem, ...others] = findUnknownNames([{ where: 'here', expr }], known);
    expect(problem).toContain(message);
    expect(others).toEqual([]);
  });
});

describe.skipIf(promtool === undefined)('promtool parses', () => {
  let dir = '';
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'semcast-promtool-'));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true });
  });

  /** As recording rules, because those are what promtool looks into. */
  async function checkAll(expressions: readonly Expression[]): Promise<ReturnType<typeof runPromtool>> {
    const file = join(dir, 'wrapped.yml');
    const wrapped = expressions.map(({ expr }, i) => ({ record: `checked:query_${i}`, expr: withoutVariables(expr) }));
    await writeFile(file, stringify({ groups: [{ name: 'checked', rules: wrapped }] }));
    return runPromtool(['check', 'rules', file]);
  }

  it('every query of every dashboard', async () => {
    const { status, output } = await checkAll(ofDashboards);
    expect(output).toContain(`SUCCESS: ${ofDashboards.length} rules found`);
    expect(status).toBe(0);
  });

  it('and refuses one that is none', async () => {
    const { status, output } = await checkAll([{ where: 'here', expr: 'sum by (le (up)' }]);
    expect(status).not.toBe(0);
    expect(output).toContain('parse error');
  });
});

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlert, parseRules, readRules, REPOSITORY_ROOT, RULE_FILES } from '@semcast/deploy';
import { SERVICE_NAMES } from '@semcast/service';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { promtool, runPromtool } from './support/promtool.js';
import { nameOfRule } from './support/queries.js';

const PROMETHEUS = join(REPOSITORY_ROOT, 'deploy', 'prometheus');
const TESTS = join(PROMETHEUS, 'tests', 'alerts.test.yml');

const rules = await readRules();

describe('the rules', () => {
  it('are all the files that Prometheus is given', async () => {
    expect((await readdir(join(PROMETHEUS, 'rules'))).sort()).toEqual([...RULE_FILES].sort());
  });

  it('have names of their own; alerts say whose they are, recordings what they keep', () => {
    const names = rules.map(nameOfRule);
    expect(new Set(names).size).toBe(names.length);
    for (const rule of rules) {
      expect(nameOfRule(rule)).toMatch(isAlert(rule) ? /^Semcast[A-Z][A-Za-z]+$/ : /^[a-z_]+:semcast_[a-z_]+:\w+$/);
    }
  });

  it('cover what one wants to be woken for', () => {
    const alerts = rules.filter(isAlert).map(({ alert }) => alert);
    expect(alerts).toEqual(
      expect.arrayContaining([
        'SemcastServiceDown',
        'SemcastReceiverSaturated',
        'SemcastQualityBelowFloor',
        'SemcastDroppingFrames',
      ]),
    );
  });

  it('are refused without the words that an alert needs', () => {
    const yaml = 'groups: [{ name: a, rules: [{ alert: A, expr: up, labels: { severity: warning } }] }]';
    expect(() => parseRules(yaml)).toThrow('annotations');
  });
});

interface RuleTest {
  readonly alert_rule_test?: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
  readonly promql_expr_test?: readonly { readonly expr: string; readonly exp_samples: readonly unknown[] }[];
}

describe('the tests of the rules', () => {
  it('fire every alert, and compute everything that is recorded', async () => {
    const { tests } = parse(await readFile(TESTS, 'utf8')) as { tests: RuleTest[] };
    const fired = new Set(
      tests.flatMap(({ alert_rule_test = [] }) =>
        alert_rule_test.filter(({ exp_alerts }) => exp_alerts.length > 0).map(({ alertname }) => alertname),
      ),
    );
    const computed = tests.flatMap(({ promql_expr_test = [] }) =>
      promql_expr_test.filter(({ exp_samples }) => exp_samples.length > 0).map(({ expr }) => expr),
    );
    const alerts = rules.filter(isAlert).map(nameOfRule);
    expect(alerts.filter((alert) => !fired.has(alert))).toEqual([]);
    // What only an alert needs is tested by the alert.
    const used = rules.filter(isAlert).map(({ expr }) => expr);
    const recordings = rules.filter((rule) => !isAlert(rule)).map(nameOfRule);
    const untested = recordings.filter((name) => ![...computed, ...used].some((expr) => expr.includes(name)));
    expect(untested).toEqual([]);
  });
});

describe.skipIf(promtool === undefined)('promtool', () => {
  it.each(RULE_FILES)('accepts %s', (file) => {
    const { status, output } = runPromtool(['check', 'rules', join(PROMETHEUS, 'rules', file)]);
    expect(output).toContain('SUCCESS');
    expect(status).toBe(0);
  });

  it('accepts the configuration', () => {
    const { status, output } = runPromtool(['check', 'config', '--syntax-only', join(PROMETHEUS, 'prometheus.yml')]);
    expect(output).toContain('SUCCESS');
    expect(status).toBe(0);
  });

  it('finds that each alert fires when it should, and only then', () => {
    const { status, output } = runPromtool(['test', 'rules', TESTS]);
    expect(output).toContain('SUCCESS');
    expect(status).toBe(0);
  });
});

describe('prometheus.yml', () => {
  it('scrapes every service under its own name, which rules and dashboards rely on', async () => {
    const { scrape_configs: jobs } = parse(await readFile(join(PROMETHEUS, 'prometheus.yml'), 'utf8')) as {
      scrape_configs: { job_name: string }[];
    };
    expect(jobs.map(({ job_name: name }) => name)).toEqual(expect.arrayContaining([...SERVICE_NAMES, 'dcgm']));
  });
});

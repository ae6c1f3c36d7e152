import {
  createMetrics,
  METRIC_DEFINITIONS,
  SERVICE_NAMES,
  type MetricDefinition,
  type ServiceName,
} from '@semcast/service';
import { describe, expect, it } from 'vitest';
import { promtool, runPromtool } from './support/promtool.js';

/** Stands for an instrument of any kind. */
type Instrument = Partial<Record<'inc' | 'set' | 'observe', (...args: unknown[]) => void>>;

/** What a service says when every metric of its own has a value. */
async function exposition(service: ServiceName): Promise<string> {
  const metrics = createMetrics(service, { processMetrics: false });
  for (const [key, { labels, services, kind }] of Object.entries<MetricDefinition>(METRIC_DEFINITIONS)) {
    if (services.includes(service)) {
      const instrument = (metrics as unknown as Record<string, Instrument>)[key]!;
      const values = Object.fromEntries(labels.map((label) => [label, 'x']));
      const effect = { counter: instrument.inc, gauge: instrument.set, histogram: instrument.observe }[kind]!;
      effect(...(labels.length === 0 ? [] : [values]), 1);
    }
  }
  return await metrics.text();
}

/**
 * promtool takes the "ms" of MS-SSIM for milliseconds. The name is a contract, and a similarity has no unit that could
 * be abbreviated.
 */
const MISTAKEN = 'semcast_reconstruction_ms_ssim metric names should not contain abbreviated units';

describe.skipIf(promtool === undefined)('promtool check metrics', () => {
  it.each(SERVICE_NAMES)('has nothing to say about the metrics of the %s', async (service) => {
    const text = await exposition(service);
    expect(text.match(/^semcast_/gm)!.length).toBeGreaterThan(20);
    const complaints = runPromtool(['check', 'metrics'], text).output.split('\n');
    expect(complaints.filter((line) => line !== '' && line !== MISTAKEN)).toEqual([]);
  });

  it('would complain of a counter that is not called one', () => {
    const text = '# HELP semcast_frames Frames.\n# TYPE semcast_frames counter\nsemcast_frames 1\n';
    const { status, output } = runPromtool(['check', 'metrics'], text);
    expect(output).toContain('_total');
    expect(status).not.toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { createEventLog, EVENT_NAMES, type NotableEvent } from './events.js';
import { createLogger } from './logger.js';
import { createMetrics } from './metrics.js';

function start() {
  const lines: Record<string, unknown>[] = [];
  const told: unknown[] = [];
  const metrics = createMetrics('channel', { processMetrics: false });
  const logger = createLogger({
    service: 'channel',
    destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const events = createEventLog({ logger, metrics, feed: { push: (fact) => void told.push(fact) } });
  return { events, lines, told, metrics };
}

const lost: NotableEvent = { event: 'link-lost', level: 'warn', message: 'the link went down', stream: 'demo' };

describe('the event log', () => {
  it('records once for logs, metrics and whoever watches', async () => {
    const { events, lines, told, metrics } = start();
    events.record(lost, { attempt: 3 });
    expect(lines).toMatchObject([
      { level: 'warn', event: 'link-lost', stream: 'demo', attempt: 3, msg: 'the link went down' },
    ]);
    expect(told).toEqual([{ kind: 'event', ...lost }]);
    expect(await metrics.text()).toContain('semcast_events_total{event="link-lost"} 1');
  });

  it('tells what is logged at another level all the same', async () => {
    const { events, lines, told, metrics } = start();
    events.record(lost, {}, 'error');
    events.record(lost, {}, 'debug');
    expect(lines).toMatchObject([{ level: 'error', event: 'link-lost' }]);
    expect(told).toEqual([
      { kind: 'event', ...lost },
      { kind: 'event', ...lost },
    ]);
    expect(await metrics.text()).toContain('semcast_events_total{event="link-lost"} 2');
  });

  it('has names that may be labels', () => {
    expect(EVENT_NAMES.filter((name) => !/^[a-z]+(-[a-z]+)*$/.test(name))).toEqual([]);
    expect(new Set(EVENT_NAMES).size).toBe(EVENT_NAMES.length);
  });
});

import { describe, expect, it } from 'vitest';
import { createEventLog, EVENT_NAMES, type NotableEvent } from './events.js';
import { createLogger } from './logger.js';
import { createMetrics } from './metrics.js';

function start() {
  const lines: Record<string, unknown>[] = [];
  const told: NotableEvent[] = [];
  const metrics = createMetrics('channel', { processMetrics: false });
  const logger = createLogger({
    service: 'channel',
    destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const events = createEventLog({ logger, counter: metrics.events, onEvent: (event) => told.push(event) });
  return { events, lines, told, metrics };
}

const lost: NotableEvent = { event: 'link-lost', level: 'warn', words: 'the link went down', stream: 'demo' };

describe('the event log', () => {
  it('records once for logs, metrics and whoever watches', async () => {
    const { events, lines, told, metrics } = start();
    events.record(lost, { attempt: 3 });
    expect(lines).toMatchObject([
      { level: 'warn', event: 'link-lost', stream: 'demo', attempt: 3, msg: 'the link went down' },
    ]);
    expect(told).toEqual([lost]);
    expect(await metrics.text()).toContain('semcast_events_total{event="link-lost"} 1');
  });

  it('notes what has its line elsewhere', async () => {
    const { events, lines, told, metrics } = start();
    events.note(lost);
    events.note(lost);
    expect(lines).toEqual([]);
    expect(told).toHaveLength(2);
    expect(await metrics.text()).toContain('semcast_events_total{event="link-lost"} 2');
  });

  it('has names that may be labels', () => {
    expect(EVENT_NAMES.filter((name) => !/^[a-z]+(-[a-z]+)*$/.test(name))).toEqual([]);
    expect(new Set(EVENT_NAMES).size).toBe(EVENT_NAMES.length);
  });
});

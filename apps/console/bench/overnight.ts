/**
 * Does a page that is left open hold its memory? A real browser before a real console at a steady rate of frames; what
 * is behind them is made up, so that the rate is kept on any machine.
 *
 *     npx tsx apps/console/bench/overnight.ts --minutes 30 --fps 10 [--json FILE]
 *
 * Prints the page's JavaScript heap after a garbage collection, its nodes and listeners, the memory of the browser's
 * renderer processes that is their own (not mapped from files), and heap and resident memory of the console's server,
 * every so often; and at the end the slope of each over the second half.
 */
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ownMebibytes, REPOSITORY_ROOT, slope } from '@semcast/testkit';
import { PlainBrowser } from './plain-browser.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    fps: { type: 'string', default: '10' },
    every: { type: 'string', default: '10' },
    json: { type: 'string' },
  },
});
const [minutes, fps, everySeconds] = [Number(values.minutes), Number(values.fps), Number(values.every)];
const MEBI = 1024 ** 2;

interface Sample {
  readonly minute: number;
  readonly frame: number;
  readonly heap: number;
  readonly nodes: number;
  readonly listeners: number;
  readonly renderer: number;
  readonly server: number;
  readonly serverResident: number;
}

const server = fork(fileURLToPath(new URL('overnight-server.ts', import.meta.url)), [String(fps)]);
const [{ url }] = (await once(server, 'message')) as [{ url: string }];
const browser = await PlainBrowser.start(process.env['CHROMIUM'] ?? '/usr/bin/chromium', url);
const errors: unknown[] = [];
const samples: Sample[] = [];
try {
  browser.on('Log.entryAdded', ({ entry }) => {
    if ((entry as { level: string }).level === 'error') {
      errors.push(entry);
    }
  });
  browser.on('Runtime.exceptionThrown', ({ exceptionDetails }) => errors.push(exceptionDetails));
  for (const domain of ['HeapProfiler', 'Performance', 'Log', 'Runtime']) {
    await browser.send(`${domain}.enable`);
  }
  const startMs = performance.now();
  process.stdout.write('  min   frames  heap MiB   nodes  listeners  renderer MiB  server MiB  resident MiB\n');
  while (performance.now() - startMs < minutes * 60_000) {
    await sleep(everySeconds * 1000);
    await browser.send('HeapProfiler.collectGarbage');
    server.send('how much?');
    const [{ frame, heap, rss }] = (await once(server, 'message')) as [{ frame: number; heap: number; rss: number }];
    const { metrics } = await browser.send<{ metrics: { name: string; value: number }[] }>('Performance.getMetrics');
    const metric = (name: string): number => metrics.find((entry) => entry.name === name)?.value ?? Number.NaN;
    const sample = {
      minute: (performance.now() - startMs) / 60_000,
      heap: metric('JSHeapUsedSize') / MEBI,
      nodes: metric('Nodes'),
      listeners: metric('JSEventListeners'),
      renderer: ownMebibytes(...(await browser.renderers())),
      frame,
      server: heap,
      serverResident: rss,
    };
    samples.push(sample);
    process.stdout.write(
      `${sample.minute.toFixed(1).padStart(5)} ${String(frame).padStart(8)} ${sample.heap.toFixed(2).padStart(9)} ` +
        `${String(sample.nodes).padStart(7)} ${String(sample.listeners).padStart(10)} ` +
        `${sample.renderer.toFixed(1).padStart(13)} ${sample.server.toFixed(1).padStart(11)} ` +
        `${sample.serverResident.toFixed(0).padStart(13)}\n`,
    );
  }
  const shown = await browser.send<{ result: { value: string } }>('Runtime.evaluate', {
    expression: "document.querySelector('.pictures h2').textContent",
  });
  const second = samples.slice(Math.floor(samples.length / 2));
  const report = {
    schema: 'semcast-console-overnight-1',
    commit: execFileSync('git', ['rev-parse', 'HEAD'], { cwd: REPOSITORY_ROOT }).toString().trim(),
    minutes,
    fps,
    frames: samples.at(-1)?.frame,
    shown: shown.result.value,
    errors,
    perMinute: Object.fromEntries(
      (['heap', 'nodes', 'listeners', 'renderer', 'server', 'serverResident'] as const).map((name) => [
        name,
        Number(
          slope(
            second.map(({ minute }) => minute),
            second.map((sample) => sample[name]),
          ).value.toFixed(4),
        ),
      ]),
    ),
    samples,
  };
  process.stdout.write(`${JSON.stringify({ ...report, samples: undefined })}\n`);
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  }
} finally {
  await browser.close();
  server.disconnect();
}

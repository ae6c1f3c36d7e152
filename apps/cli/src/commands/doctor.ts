import { describeError } from '@semcast/core';
import { bundleFlag, deviceFlag, jsonFlag, portBaseFlag } from '../arguments/common-flags.js';
import { commandLine } from '../arguments/command-line.js';
import { flagList } from '../arguments/flag-list.js';
import { createCommand } from '../command.js';
import type { CheckResult, CheckStatus } from '../doctor/check.js';
import { checks } from '../doctor/registry.js';
import { EXIT_CODES } from '../exit-codes.js';
import { writeJson } from '../json-output.js';
import { startPatience, timeoutFlag } from '../patience.js';
import { printable, wrap } from '../terminal/width.js';

const MARKS: Readonly<Record<CheckStatus, string>> = { ok: '✓', warning: '!', problem: '✗', skipped: '–' };

/** Networks are loaded and run within one check, maybe from a slow disk on a busy machine. */
const DEFAULT_TIMEOUT_MS = 120_000;
/** After a check was given up: what it left running must not keep the command from ending. */
const EXIT_GRACE_MS = 1000;

export const doctor = createCommand({
  flags: {
    bundle: bundleFlag('model bundle to check'),
    device: deviceFlag('where the networks are meant to run'),
    'port-base': portBaseFlag("check the ports N to N+3, the console's and the services'"),
    timeout: timeoutFlag('give up a check that has found nothing for so long', DEFAULT_TIMEOUT_MS),
    json: jsonFlag('the findings'),
  },
  examples: [
    { line: 'semcast doctor', does: 'is everything ready for `semcast up`?' },
    { line: 'semcast doctor --device cuda --json -', does: 'would a GPU work? as JSON' },
  ],
  run: async ({ flags, given, io, terminal }) => {
    const { resultColours: colours } = terminal;
    const paint = { ok: colours.green, warning: colours.yellow, problem: colours.red, skipped: colours.dim };
    const titleWidth = Math.max(...Object.values(checks).map(({ title }) => title.length));
    const { bundle, device, 'port-base': portBase } = flags;

    terminal.result('');
    let stuck = false;
    const results: (CheckResult & { readonly name: string })[] = [];
    for (const check of Object.values(checks)) {
      const patience = startPatience({
        terminal,
        timeoutMs: flags.timeout,
        waitingFor: () => `the check "${check.title}"`,
      });
      const givenUp = new Promise<never>((_resolve, reject) => {
        patience.signal.addEventListener('abort', () => reject(patience.signal.reason as Error));
      });
      const found = await Promise.race([check.run({ bundle, device, portBase }), givenUp])
        .catch((error: unknown): CheckResult => ({ status: 'problem', text: describeError(error) }))
        .finally(() => patience.stop());
      stuck ||= patience.signal.aborted;
      results.push({ name: check.name, ...found });
      const indent = ' '.repeat(titleWidth + 6);
      const [first = '', ...rest] = wrap(
        printable(found.text),
        Math.max(30, terminal.resultColumns - indent.length - 1),
      );
      terminal.result(
        `  ${paint[found.status](MARKS[found.status])} ${colours.bold(check.title.padEnd(titleWidth))}  ${first}`,
      );
      terminal.result(...rest.map((line) => indent + line));
      if (found.remedy !== undefined) {
        const remedy = wrap(printable(found.remedy), Math.max(30, terminal.resultColumns - indent.length - 3));
        terminal.result(...remedy.map((line, i) => `${indent}${paint[found.status](i === 0 ? '→' : ' ')} ${line}`));
      }
    }
    terminal.result('');
    const problems = results.filter(({ status }) => status === 'problem').length;
    const asked = ['bundle', 'device', 'port-base'].map((name) => [name, given.get(name)?.[0]] as const);
    const next = commandLine('up', flagList(Object.fromEntries(asked)));
    terminal.result(
      problems === 0
        ? `  ${colours.green('Ready.')} Start with ${colours.cyan(next)}.`
        : `  ${colours.red(`${problems} ${problems === 1 ? 'problem stands' : 'problems stand'} in the way.`)} The arrows say what to do.`,
    );
    terminal.result('');
    if (flags.json !== undefined) {
      await writeJson(flags.json, { schema: 'semcast.doctor/1', ok: problems === 0, checks: results }, io);
    }
    if (stuck) {
      setTimeout(() => process.exit(EXIT_CODES.failed), EXIT_GRACE_MS).unref();
    }
    return problems === 0 ? EXIT_CODES.done : EXIT_CODES.failed;
  },
});

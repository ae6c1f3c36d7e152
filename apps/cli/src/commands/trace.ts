import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { describeError } from '@semcast/core';
import { z } from 'zod';
import { value } from '../arguments/spec.js';
import { integer, text } from '../arguments/values.js';
import { createCommand } from '../command.js';
import { UsageError } from '../errors.js';
import { EXIT_CODES } from '../exit-codes.js';
import { formatMilliseconds } from '../terminal/progress.js';
import { printable, wrap } from '../terminal/width.js';

const STANDARD_INPUT = '-';

/** A line of a service's log that is about a frame. */
const logLine = z.looseObject({
  time: z.string(),
  service: z.string(),
  msg: z.string(),
  stream: z.string(),
  frame: z.number(),
  level: z.string().optional(),
});
type LogLine = z.infer<typeof logLine>;

export const trace = createCommand({
  details:
    'Prints what the logs of the services say about one frame, in the order of their clocks: when each service had it, ' +
    'how long each stage took, how it ended. Reads log files, or standard input when none is named. Channel and ' +
    'receiver log every frame with --log-level debug; the transmitter always does.',
  positionals: { name: 'FRAME [LOG...]', summary: 'number of the frame, and log files (- for standard input)' },
  flags: { stream: value('NAME', text, 'only frames of this stream (default: of every stream)') },
  examples: [
    { line: 'semcast trace 12 transmitter.log channel.log receiver.log', does: 'frame 12 across three services' },
    { line: 'docker compose logs --no-log-prefix | semcast trace 12', does: 'the same from containers' },
  ],
  run: async ({ flags, positionals: [first, ...files], terminal }) => {
    if (first === undefined) {
      throw new UsageError('no frame is named', { remedy: 'name its number: semcast trace 12 receiver.log' });
    }
    const frame = integer({ max: 0xffff_ffff })(first);
    const colours = terminal.resultColours;
    const found: LogLine[] = [];
    for (const file of files.length === 0 ? [STANDARD_INPUT] : files) {
      for await (const line of linesOf(file)) {
        const parsed = logLine.safeParse(parseJson(line)).data;
        if (parsed?.frame === frame && (flags.stream === undefined || parsed.stream === flags.stream)) {
          found.push(parsed);
        }
      }
    }
    if (found.length === 0) {
      terminal.caution(
        `no line of these logs is about frame ${frame}: name the logs of all services, at --log-level debug`,
      );
      return EXIT_CODES.failed;
    }
    for (const stream of new Set(found.map((line) => line.stream))) {
      terminal.result('', `  frame ${frame} of stream ${colours.bold(printable(stream))}`, '');
      const lines = found.filter((line) => line.stream === stream);
      for (const line of lines.toSorted((a, b) => Date.parse(a.time) - Date.parse(b.time))) {
        const head = `  ${line.time.slice(11, 23)}  ${line.service.padEnd(11)}  `;
        const message = printable(line.msg);
        terminal.result(head + (line.level === 'warn' || line.level === 'error' ? colours.red(message) : message));
        const details = detailsOf(line);
        if (details !== '') {
          terminal.result(
            ...wrap(details, Math.max(30, terminal.resultColumns - head.length - 2)).map(
              (row) => `${' '.repeat(head.length + 2)}${colours.dim(row)}`,
            ),
          );
        }
      }
    }
    terminal.result('');
    return EXIT_CODES.done;
  },
});

async function* linesOf(file: string): AsyncGenerator<string> {
  const input = file === STANDARD_INPUT ? process.stdin : createReadStream(file);
  try {
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (error) {
    throw new UsageError(`the log ${printable(file)} can't be read: ${describeError(error)}`, { cause: error });
  }
}

/** A line may have the name of a container in front, and needn't be of ours. */
function parseJson(line: string): unknown {
  try {
    return JSON.parse(line.slice(Math.max(0, line.indexOf('{'))));
  } catch {
    return undefined;
  }
}

/** Four digits of what is no whole number are enough to read. */
function rounded(_name: string, content: unknown): unknown {
  return typeof content === 'number' && !Number.isInteger(content) ? Number(content.toPrecision(4)) : content;
}

/** What a line says beside its message: durations in milliseconds by stage, then the rest. */
function detailsOf({ timingsMs, ...line }: LogLine): string {
  const stages = Object.entries(z.record(z.string(), z.number()).safeParse(timingsMs).data ?? {});
  return [
    ...stages.map(([stage, ms]) => `${stage} ${formatMilliseconds(ms)}`),
    ...Object.entries(line)
      .filter(([name]) => !(name in logLine.shape))
      .map(([name, content]) => `${name} ${typeof content === 'string' ? content : JSON.stringify(content, rounded)}`),
  ]
    .map(printable)
    .join(', ');
}

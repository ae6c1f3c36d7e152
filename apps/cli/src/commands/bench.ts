import { DEMO_PHOTOS } from '@semcast/transmitter';
import { many, toggle, value } from '../arguments/spec.js';
import { text } from '../arguments/values.js';
import { createCommand } from '../command.js';
import { commandLine } from '../arguments/command-line.js';
import { EXIT_CODES } from '../exit-codes.js';
import { writeFileWhole } from '../json-output.js';
import { benchMarkdown } from '../report/bench-markdown.js';
import { BENCH_PROTOCOL } from '../sweep/protocols.js';
import { readReport } from '../sweep/read-report.js';
import { sweep } from './sweep.js';

export const bench = createCommand({
  details:
    `Runs the protocol ${BENCH_PROTOCOL} of docs/benchmark.md on a bundle: fixed SNRs, rates, size and seed, on AWGN. ` +
    'Prints a table in Markdown to submit, and writes the measurements as JSON. It is semcast sweep --protocol ' +
    `${BENCH_PROTOCOL}, with the table.`,
  flags: {
    images: value('DIR', text, 'folder of photographs (those of the demonstration; results are compared on Kodak)'),
    bundle: many('DIR', text, 'model bundle; several are compared (the one that comes with semcast)'),
    'metric-bundle': many('DIR', text, 'more measures: a folder with metric.onnx or features.onnx'),
    json: value('FILE', text, 'write the measurements as JSON', 'bench.json'),
    markdown: value('FILE', text, 'write the table there, too'),
    resume: toggle('go on from what --json FILE or FILE.partial has'),
  },
  examples: [{ line: 'semcast bench --images kodak --json bench-kodak.json', does: 'the table to submit' }],
  run: async ({ flags, argv, io, terminal }) => {
    const { images = DEMO_PHOTOS, json, markdown } = flags;
    const words = [
      `--protocol=${BENCH_PROTOCOL}`,
      `--images=${images}`,
      ...flags.bundle.map((dir) => `--bundle=${dir}`),
      ...flags['metric-bundle'].map((dir) => `--metric-bundle=${dir}`),
      `--json=${json}`,
      ...(flags.resume ? ['--resume'] : []),
    ];
    // Standard output is for the table to submit.
    const code = await sweep.run(words, { ...io, stdout: io.stderr }, { name: 'sweep', summary: '' });
    if (code !== EXIT_CODES.done) {
      return code;
    }
    const table = benchMarkdown(
      { file: json, report: await readReport(json) },
      commandLine(
        'bench',
        argv.filter((word) => word !== '--resume'),
      ),
    );
    terminal.result(table);
    if (markdown !== undefined) {
      await writeFileWhole(markdown, table);
    }
    return EXIT_CODES.done;
  },
});

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { REPOSITORY_ROOT } from './repository.js';

export interface BenchReport {
  /** Name and version of the format: `semcast.bench.scheduler/1`. */
  readonly schema: string;
  readonly [fact: string]: unknown;
}

/**
 * Write what a benchmark measured, with the commit and the machine that it ran on.
 *
 * @param json a file for the report; `-` for standard output, in place of the table
 * @param table rows for people to read
 */
export function writeBenchReport(report: BenchReport, json: string | undefined, table: readonly object[]): void {
  const { schema, ...facts } = report;
  const machine = {
    commit: execFileSync('git', ['rev-parse', 'HEAD'], { cwd: REPOSITORY_ROOT, encoding: 'utf8' }).trim(),
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
  };
  const text = `${JSON.stringify({ schema, ...machine, ...facts }, null, 2)}\n`;
  if (json === '-') {
    process.stdout.write(text);
    return;
  }
  console.log(`Node ${machine.node}, ${machine.cpu}`);
  console.table(table);
  if (json !== undefined) {
    writeFileSync(json, text);
  }
}

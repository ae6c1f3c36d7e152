export { runCli } from './cli.js';
export { EXIT_CODES, type ExitCode } from './exit-codes.js';
export type { CliIo } from './io.js';
export { runSweep, type SweepSettings, type SweepTools } from './sweep/run-sweep.js';
export { SWEEP_SCHEMA, type SweepReport, type SweepRow, type SweepSummary } from './sweep/report.js';

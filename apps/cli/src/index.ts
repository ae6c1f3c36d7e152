export { planSweep } from './sweep/plan.js';
export { reportHead } from './sweep/report-head.js';
export { runSweep, type SweepSettings } from './sweep/run-sweep.js';
export type { SweepReport } from './sweep/report.js';
export { SweepLog } from './sweep/sweep-log.js';

export { writeBenchReport, type BenchReport } from './bench-report.js';
export { startFaultProxy, type FaultProxy, type Passage } from './fault-proxy.js';
export { startLiveServices, type LiveServices, type LiveServicesOptions } from './live-services.js';
export { ownMebibytes, slope } from './memory-trend.js';
export { startNatsCluster, startNatsServer, type NatsServer } from './nats-server.js';
export { testPicture } from './pictures.js';
export {
  createProcessKeeper,
  findProcesses,
  freePorts,
  isAlive,
  waitFor,
  type ProcessKeeper,
  type ProcessOptions,
  type TestProcess,
} from './processes.js';
export { findProgram } from './programs.js';
export { REPOSITORY_ROOT } from './repository.js';

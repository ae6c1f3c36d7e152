export {
  completed,
  sendFrames,
  stackConformance,
  type ConformanceCase,
  type StackConformanceOptions,
} from './conformance.js';
export { collectErrorCodes, findDocumentProblems, type ErrorFacts } from './error-document.js';
export { startFaultProxy, type FaultProxy, type Passage } from './fault-proxy.js';
export {
  findCycle,
  findViolations,
  IMPORT_RULES,
  importsOf,
  SOLE_IMPORTERS,
  type FolderRule,
  type SourceFile,
  type Violation,
  type WorkspacePackage,
} from './import-rules.js';
export { startLiveServices, type LiveServices, type LiveServicesOptions } from './live-services.js';
export { testPicture } from './pictures.js';
export {
  createProcessKeeper,
  findProcesses,
  freePorts,
  isAlive,
  waitFor,
  type ProcessEnd,
  type ProcessKeeper,
  type ProcessOptions,
  type TestProcess,
} from './processes.js';
export { findProgram, REQUIRE_TOOLS } from './programs.js';
export { readWorkspace, REPOSITORY_ROOT } from './repository.js';
export { startStack, type Stack, type StackOptions } from './stack.js';

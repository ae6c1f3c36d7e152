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
export { readWorkspace, REPOSITORY_ROOT } from './repository.js';

export { DECODER_VALUES } from './dashboard.js';
export { dashboards } from './dashboards/registry.js';
export { generateFiles, readRules, REPOSITORY_ROOT, RULE_FILES, type GeneratedFile } from './generated-files.js';
export { isAlert, parseRules, type Rule } from './rules.js';

export {
  completed,
  sendFrames,
  stackConformance,
  type ConformanceCase,
  type StackConformanceOptions,
} from './conformance.js';
export { startStack, type Stack, type StackOptions } from './stack.js';

export * from './facts.js';
export { figuresOf, LiveState, type LiveStateOptions } from './live-state.js';
export * from './messages.js';
export { Table, type Row, type TableOptions } from './table.js';
export * from './names.js';

export * from './decibels.js';
export * from './facts.js';
export * from './messages.js';
export * from './names.js';

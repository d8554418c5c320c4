export * from './adamw.js';
export * from './clip.js';
export * from './parameter-rules.js';
export * from './schedule.js';

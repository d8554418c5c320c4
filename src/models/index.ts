export * from './bit-transformer/index.js';

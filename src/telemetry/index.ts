/** What a run tells of itself while it goes on. */
export type { Summary } from './tensorboard/event.js';
export { type EventFile, type EventFileOptions, openEventFile } from './tensorboard/event-file.js';
export { type Histogram, histogramOf } from './tensorboard/histogram.js';

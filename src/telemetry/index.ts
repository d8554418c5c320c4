/** What a run tells of itself while it goes on. */
export type { Summary } from './tensorboard/event.js';
export { type EventFile, type EventFileOptions, openEventFile } from './tensorboard/event-file.js';
export { type Histogram, histogramOf } from './tensorboard/histogram.js';
export type { RecordedProgram, RecordedStep, RecordedTrace } from './trace/recorded.js';
export { traceEventPieces } from './trace/trace-events.js';
export { type TraceFiles, writeTrace } from './trace/write-trace.js';

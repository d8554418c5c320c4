import type { RunConfig } from './config.js';

/**
 * How many steps the next call does: `train.stepsPerCall`, less where something is to happen in between. A step of several
 * micro-batches is made of calls of its own.
 */
export const callLength = ({ train, trace }: RunConfig, done: number): number => {
  if (train.accumulation > 1) return 1;
  const toNext = (interval: number): number => (interval > 0 ? interval - (done % interval) : Number.POSITIVE_INFINITY);
  const toTrace = trace.enabled && done < trace.start ? trace.start - done : Number.POSITIVE_INFINITY;
  const isTraced = trace.enabled && done >= trace.start && done < trace.stop;
  return Math.min(
    isTraced ? 1 : train.stepsPerCall,
    train.steps - done,
    toTrace,
    ...[train.evaluateEvery, train.checkpointEvery, train.sampleEvery].map(toNext),
  );
};

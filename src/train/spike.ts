import type { RunConfig } from './config.js';

/** A running mean of losses is `sum / weight`: both fade alike, so it is right from the first loss on. */
export interface RunningLoss {
  readonly sum: number;
  readonly weight: number;
}

export const noLoss: RunningLoss = { sum: 0, weight: 0 };

/** Share of the old mean that stays at each step. */
const beta = 0.98;
/** The weight of fewer than ten losses: a mean of so few says nothing. */
const leastWeight = 1 - beta ** 9.5;
/** Above every loss; infinity itself would be taken for a fault. */
export const noLimit = 3e38;

/** The loss above which a step is a spike: none while there is no mean yet, or where spikes are let be. */
export const lossLimit = ({ sum, weight }: RunningLoss, { train }: RunConfig): number =>
  train.spike === 'off' || weight < leastWeight ? noLimit : (train.spikeFactor * sum) / weight;

/**
 * The mean with the loss of a step, which counts up to the limit. So a spike hardly moves it, while a loss that stays
 * higher is what is usual after some dozens of steps, instead of a spike for ever.
 */
export const withLoss = ({ sum, weight }: RunningLoss, loss: number, limit: number): RunningLoss => ({
  sum: beta * sum + (1 - beta) * Math.min(loss, limit),
  weight: beta * weight + (1 - beta),
});

/** Where a run goes back to at a spike: the last of its checkpoints that `train.checkpointEvery` asked for, or the first. */
export interface Anchor {
  readonly step: number;
  /** The step of the best evaluation at that time, whose checkpoint then is the best again. */
  readonly best: number | null;
  /** How often the run came back here. */
  readonly rewinds: number;
}

export const firstAnchor: Anchor = { step: 0, best: null, rewinds: 0 };

/** Spikes behind as many returns to one anchor are part of the data: going back once more would not help. */
export const mostRewinds = 3;

/** The seed of batches and dropout after as many changes: the golden ratio spreads neighbouring seeds over all of them. */
export const reseeded = (seed: number, changes: number): number => (seed + changes * 0x9e3779b1) % 2 ** 31;

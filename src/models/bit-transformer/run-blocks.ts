import type { Rotation } from '../../nn/index.js';
import {
  abs,
  div,
  elementCount,
  max,
  maximum,
  type RandomSource,
  reshape,
  sub,
  type Tensor,
} from '../../tensor/index.js';
import { type Branch, couple, recompute, reversible, type Streams, uncouple } from '../../transform/index.js';
import type { Block } from './block.js';
import type { BitTransformerConfig } from './config.js';
import { endWalk, type Halting, type Mask, startWalk, valuesOf, type Walk, walkOf, walkThrough } from './halting.js';
import type { BitTransformer } from './model.js';
import { addBranches } from './streams.js';

interface Sources {
  readonly rotation?: Rotation;
  readonly random?: RandomSource;
}

/** States behind the blocks [batch, length, dModel] and, with `act`, what halting made of them. */
export interface BlocksResult {
  readonly x: Tensor;
  readonly halting?: Halting;
}

/** All blocks over x [batch, length, dModel], keeping for the backward pass what the configuration says. */
export const runBlocks = (model: BitTransformer, x: Tensor, sources: Sources): BlocksResult => {
  const { config } = model;
  const start = startWalk(model, x);
  const end = config.reversible ? runCoupled(model, start, sources) : runSegments(model, start, sources);
  return { x: endWalk(end), ...(end.halting && { halting: end.halting }) };
};

const runSegments = (model: BitTransformer, start: Walk, sources: Sources): Walk =>
  segments(model.config).reduce((walk, [from, to]) => {
    const run = (inside: Walk): Walk => runPlain(model, inside, { ...sources, from, to });
    if (model.config.recompute === 'none') return run(walk);
    // What is computed again is the same bit for bit, and so are the masks.
    return walkOf(recompute((...values) => valuesOf(run(walkOf(values, walk))))(...valuesOf(walk)), walk);
  }, start);

const runPlain = (
  model: BitTransformer,
  start: Walk,
  { from, to, ...sources }: Sources & { readonly from: number; readonly to: number },
): Walk =>
  model.blocks
    .slice(from, to)
    .reduce(
      (walk, block, i) =>
        walkThrough(model, from + i, walk, (streams, mask) =>
          addBranches(streams, ...branchesOf(block, sources, mask)),
        ),
      start,
    );

/** Of two streams only the last are kept; with `recompute` also a branch keeps nothing while it is differentiated. */
const runCoupled = (model: BitTransformer, start: Walk, sources: Sources): Walk => {
  const spare = (branch: Branch): Branch =>
    model.config.recompute === 'none' ? branch : (x) => recompute((y) => [branch(y!)])(x)[0]!;
  return model.blocks.reduce(
    (walk, block, i) =>
      walkThrough(model, i, walk, (streams, mask) => {
        const [attend, feed] = branchesOf(block, sources, mask);
        return reversible(spare(attend), spare(feed), streams as Streams);
      }),
    start,
  );
};

const branchesOf = (block: Block, sources: Sources, mask: Mask): readonly [attend: Branch, feed: Branch] => [
  mask((y) => block.attend(y, sources)),
  mask((y) => block.feed(y, sources.random)),
];

/**
 * How far the embedding x that a reversible model rebuilds from the outputs of its last block is from the true one: the
 * largest difference over the largest value, an f32 scalar.
 */
export const reconstructionError = (model: BitTransformer, x: Tensor, sources: Sources): Tensor => {
  const branches: (readonly [Branch, Branch])[] = [];
  const end = model.blocks.reduce(
    (walk, block, i) =>
      walkThrough(model, i, walk, (streams, mask) => {
        const [f, g] = branchesOf(block, sources, mask);
        branches.push([f, g]);
        return couple(f, g, streams as Streams);
      }),
    startWalk(model, x),
  );
  const rebuilt = branches.reduceRight<Streams>((streams, [f, g]) => uncouple(f, g, streams), end.streams as Streams);
  const largest = (y: Tensor): Tensor => max(reshape(abs(y), [elementCount(y.shape)]));
  const error = rebuilt.map((y) => largest(sub(y, x))).reduce((a, b) => maximum(a, b));
  return div(error, largest(x));
};

/**
 * Runs of blocks [from, to) whose inputs alone are kept for the backward pass. With segments of about sqrt(layers) both
 * the inputs kept and the blocks at work at a time grow with that root (Chen et al. 2016).
 */
const segments = ({ layers, recompute: what }: BitTransformerConfig): (readonly [number, number])[] => {
  const size = what === 'segment' ? Math.ceil(Math.sqrt(layers)) : 1;
  return Array.from({ length: Math.ceil(layers / size) }, (_, i) => [i * size, Math.min(layers, (i + 1) * size)]);
};

import type { Rotation } from '../../nn/index.js';
import {
  abs,
  div,
  elementCount,
  max,
  maximum,
  type RandomSource,
  reshape,
  scope,
  sub,
  type Tensor,
} from '../../tensor/index.js';
import { type Branch, couple, recompute, reversible, type Streams, uncouple } from '../../transform/index.js';
import type { BitTransformerConfig } from './config.js';
import type { BitTransformer } from './model.js';
import { addBranches, closeStreams, openStreams, type Residual } from './streams.js';

interface Sources {
  readonly rotation?: Rotation;
  readonly random?: RandomSource;
}

/** All blocks: x [batch, length, dModel] to the same, keeping for the backward pass what the configuration says. */
export const runBlocks = (model: BitTransformer, x: Tensor, sources: Sources): Tensor => {
  const { config } = model;
  const start = openStreams(x, config.reversible);
  if (config.reversible) return closeStreams(runCoupled(model, start, sources));
  return closeStreams(
    segments(config).reduce((streams, [from, to]) => {
      const run = (y: Tensor): Tensor => runPlain(model, y, { ...sources, from, to });
      return [config.recompute === 'none' ? run(streams[0]) : recompute((y) => [run(y!)])(streams[0])[0]!];
    }, start),
  );
};

const runPlain = (
  { blocks }: BitTransformer,
  x: Tensor,
  { from, to, ...sources }: Sources & { readonly from: number; readonly to: number },
): Tensor =>
  blocks.slice(from, to).reduce<Residual>(
    (streams, block, i) =>
      scope(`blocks.${from + i}`, () =>
        addBranches(
          streams,
          (y) => block.attend(y, sources),
          (y) => block.feed(y, sources.random),
        ),
      ),
    [x],
  )[0];

/** Of two streams only the last are kept; with `recompute` also a branch keeps nothing while it is differentiated. */
const runCoupled = ({ blocks, config }: BitTransformer, start: Residual, sources: Sources): Residual => {
  const spare = (branch: Branch): Branch =>
    config.recompute === 'none' ? branch : (x) => recompute((y) => [branch(y!)])(x)[0]!;
  return blocks.reduce<Residual>(
    (streams, block, i) =>
      scope(`blocks.${i}`, () =>
        reversible(
          spare((y) => block.attend(y, sources)),
          spare((y) => block.feed(y, sources.random)),
          [streams[0], streams[1]!],
        ),
      ),
    start,
  );
};

/**
 * How far the embedding x that a reversible model rebuilds from the outputs of its last block is from the true one: the
 * largest difference over the largest value, an f32 scalar.
 */
export const reconstructionError = ({ blocks }: BitTransformer, x: Tensor, sources: Sources): Tensor => {
  const branches = blocks.map(
    (block) => [(y: Tensor) => block.attend(y, sources), (y: Tensor) => block.feed(y, sources.random)] as const,
  );
  const outputs = branches.reduce<Streams>((streams, [f, g]) => couple(f, g, streams), [x, x]);
  const rebuilt = branches.reduceRight<Streams>((streams, [f, g]) => uncouple(f, g, streams), outputs);
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

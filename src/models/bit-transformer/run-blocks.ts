import { MixtureOfExperts, type Rotation, type Routing } from '../../nn/index.js';
import {
  abs,
  cast,
  div,
  elementCount,
  max,
  maximum,
  mul,
  type RandomSource,
  reshape,
  scope,
  sub,
  type Tensor,
} from '../../tensor/index.js';
import { type Branch, couple, recompute, reversible, type Streams, uncouple } from '../../transform/index.js';
import type { Block } from './block.js';
import type { BitTransformerConfig } from './config.js';
import { endWalk, type Halting, type Mask, startWalk, valuesOf, type Walk, walkOf, walkThrough } from './halting.js';
import type { BitTransformer } from './model.js';
import { addRouted, type Routed, routedBy } from './routing.js';
import { addBranches } from './streams.js';

interface Sources {
  readonly rotation?: Rotation;
  readonly random?: RandomSource;
  /** See `ForwardOptions`. */
  readonly counted?: Tensor;
}

/** States behind the blocks [batch, length, dModel]; with `act`, what halting made of them, with experts, where they went. */
export interface BlocksResult {
  readonly x: Tensor;
  readonly halting?: Halting;
  readonly routed?: Routed;
}

/** All blocks over x [batch, length, dModel], keeping for the backward pass what the configuration says. */
export const runBlocks = (model: BitTransformer, x: Tensor, sources: Sources): BlocksResult => {
  const { config } = model;
  const start = startWalk(model, x);
  const end = config.reversible ? runCoupled(model, start, sources) : runSegments(model, start, sources);
  const { halting, routed } = end;
  return { x: endWalk(end), ...(halting && { halting }), ...(routed && { routed }) };
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
  model.blocks.slice(from, to).reduce((before, block, n) => {
    const i = from + n;
    let routed: Routed | undefined;
    const tell = (routing: Routing): void => {
      routed = routedBy(model.config, i, routing, countedIn(before, sources));
    };
    const after = walkThrough(model, i, before, (streams, mask) =>
      addBranches(streams, ...branchesOf(block, sources, mask, tell)),
    );
    return withRouted(after, routed);
  }, start);

/** Of two streams only the last are kept; with `recompute` also a branch keeps nothing while it is differentiated. */
const runCoupled = (model: BitTransformer, start: Walk, sources: Sources): Walk => {
  const spare = (branch: Branch): Branch =>
    model.config.recompute === 'none' ? branch : (x) => recompute((y) => [branch(y!)])(x)[0]!;
  return model.blocks.reduce((before, block, i) => {
    const after = walkThrough(model, i, before, (streams, mask) => {
      const [attend, feed] = branchesOf(block, sources, mask);
      return reversible(spare(attend), spare(feed), streams as Streams);
    });
    const isRouted = block.feedForward instanceof MixtureOfExperts;
    return isRouted ? withRouted(after, routedAgain(model, i, after, countedIn(before, sources))) : after;
  }, start);
};

/**
 * What happens inside of coupled streams is out of sight. But the second branch works on the first stream as it comes out, so
 * the gate can be asked once more, and in the backward pass again from the rebuilt stream: nothing is kept for it.
 */
const routedAgain = (model: BitTransformer, i: number, { streams }: Walk, counted: Tensor | undefined): Routed => {
  const ask = (x: Tensor): Tensor[] => {
    const routing = scope(`blocks.${i}`, () => model.blocks[i]!.routing(x));
    const { balance, z, usage } = routedBy(model.config, i, routing, counted);
    return [balance, z, usage];
  };
  const [balance, z, usage] = recompute((x) => ask(x!))(streams[0]) as [Tensor, Tensor, Tensor];
  return { balance, z, usage };
};

const withRouted = (walk: Walk, own: Routed | undefined): Walk =>
  walk.routed && own ? { ...walk, routed: addRouted(walk.routed, own) } : walk;

/** 1 for positions whose routing counts: those that go through the block, and that the caller counts. */
const countedIn = ({ halting }: Walk, { counted }: Sources): Tensor | undefined => {
  const running = halting && reshape(cast(halting.running, 'f32'), halting.running.shape.slice(0, 2));
  return running && counted ? mul(running, counted) : (running ?? counted);
};

const branchesOf = (
  block: Block,
  sources: Sources,
  mask: Mask,
  tell?: (routing: Routing) => void,
): readonly [attend: Branch, feed: Branch] => [
  mask((y) => block.attend(y, sources)),
  mask((y) => block.feed(y, sources.random, tell)),
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

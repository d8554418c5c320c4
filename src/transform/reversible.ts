import { type Tensor, traceContext, withContext } from '../tensor/graph.js';
import { add, sub } from '../tensor/index.js';
import { callRegion } from './custom.js';
import { type Cotangents, copyRegion, pullRegion, type Region, traceRegion } from './region.js';
import { sumOfCotangents } from './squares.js';

/** One side of a coupling: what is added to one stream, made from the other. Keeps shape and dtype. */
export type Branch = (x: Tensor) => Tensor;

export type Streams = readonly [Tensor, Tensor];

/** `y1 = x1 + f(x2)`, `y2 = x2 + g(y1)` (Gomez et al. 2017). */
export const couple = (f: Branch, g: Branch, [x1, x2]: Streams): Streams => {
  const y1 = add(x1, f(x2));
  return [y1, add(x2, g(y1))];
};

/** What `couple` was given, from what it returned; exact up to the rounding of the sums. */
export const uncouple = (f: Branch, g: Branch, [y1, y2]: Streams): Streams => {
  const x2 = sub(y2, g(y1));
  return [sub(y1, f(x2)), x2];
};

/**
 * `couple`, differentiated without its inputs: the backward pass computes each branch once more from the outputs, by the same
 * random numbers, and with it both the inputs and the gradients. So of a chain only the last outputs are kept.
 *
 * @example
 * const end = layers.reduce<Streams>((streams, { f, g }) => reversible(f, g, streams), [x, x]);
 */
export const reversible = (f: Branch, g: Branch, streams: Streams): Streams => {
  const branches: Region[] = [];
  const traced =
    (branch: Branch): Branch =>
    (x) => {
      const region = traceRegion('reversible', (y) => [branch(y!)], [x]);
      branches.push(region);
      return region.outputs[0]!;
    };
  const whole = traceRegion('reversible', (x1, x2) => couple(traced(f), traced(g), [x1!, x2!]), streams);
  const [ofF, ofG] = branches as [Region, Region];
  const outputs = callRegion(whole, streams, ({ outputs: [y1, y2], cotangents }, captured) => {
    const now = new Map(whole.captured.map((tensor, i) => [tensor, captured[i]!]));
    const [dy1 = null, dy2 = null] = cotangents;
    const back2 = pullBranch(ofG, y1!, dy2, now);
    const x2 = sub(y2!, back2.output);
    const dx1 = sumOf(dy1, back2.dx);
    const back1 = pullBranch(ofF, x2, dx1, now);
    return {
      inputs: [dx1, sumOf(dy2, back1.dx)],
      captured: sumOfMaps(back1.captured, back2.captured),
      rebuilt: [sub(y1!, back1.output), x2],
    };
  });
  return outputs as unknown as Streams;
};

/** A branch computed again at x, with its cotangents. The fence keeps the copies from being merged with the forward pass. */
const pullBranch = (region: Region, x: Tensor, dy: Tensor | null, now: ReadonlyMap<Tensor, Tensor>) => {
  const { graph } = traceContext();
  const since = graph.nodes.length;
  return withContext({ fence: graph.newFence(), recomputed: true }, () => {
    const captured = region.captured.map((tensor) => now.get(tensor) ?? tensor);
    const copy = copyRegion(graph, region, [x], captured);
    const pulled = pullRegion(copy, [dy], since, captured);
    return { output: copy.outputs[0]!, dx: pulled.inputs[0] ?? null, captured: pulled.captured };
  });
};

const sumOf = (a: Tensor | null, b: Tensor | null): Tensor | null => (a && b ? sumOfCotangents(a, b) : (a ?? b));

const sumOfMaps = (...maps: Cotangents['captured'][]): ReadonlyMap<Tensor, Tensor> => {
  const sums = new Map<Tensor, Tensor>();
  for (const map of maps) for (const [key, value] of map ?? []) sums.set(key, sumOf(sums.get(key) ?? null, value)!);
  return sums;
};

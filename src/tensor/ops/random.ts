import { threefry2x32 } from '../../core/random.js';
import { type Tensor, traceContext } from '../graph.js';
import { elementCount, type ReferenceArray, type Shape, type TensorType } from '../types.js';
import { noGradient, type Primitive, primitive, reference, single, streamingCost } from './define.js';
import { unrolled } from './one-example.js';

/** What random numbers depend on besides the op's stream: two i32 scalars, inputs of the program. */
export interface RandomSource {
  readonly seed: Tensor;
  readonly step: Tensor;
}

type Attributes = { readonly shape: Shape; readonly stream: number };

const random = (
  name: string,
  summary: string,
  draw: (word0: number, word1: number) => number,
): Primitive<Attributes> => {
  const op: Primitive<Attributes> = primitive<Attributes>({
    name,
    summary,
    operands: ['seed', 'step'],
    attributeNames: ['shape', 'stream'],
    kind: 'elementwise',
    infer: (inputs: readonly TensorType[], { shape }, fail) => {
      if (inputs.some((input) => input.dtype !== 'i32' || input.shape.length > 0))
        fail('seed and step must be i32 scalars');
      return [{ shape, dtype: 'f32' }];
    },
    gradient: noGradient,
    evaluate: ([seed, step]: readonly ReferenceArray[], { stream }, [output]) => {
      const data = new Float64Array(elementCount(output!.shape));
      for (let i = 0; i < data.length; i++) data[i] = draw(...threefry2x32(seed!.data[0]!, step!.data[0]!, i, stream));
      return [reference(output!, data)];
    },
    draws: true,
    // One draw for all examples: each has the positions behind those of the example before it. Examples with seeds of their
    // own draw alone, from the same positions.
    batch: (inputs, { shape, stream }, examples) =>
      inputs.some(({ axis }) => axis !== null)
        ? unrolled(op, inputs, { shape, stream }, examples)
        : [
            {
              tensor: single(
                op,
                inputs.map(({ tensor }) => tensor),
                { shape: [examples.size, ...shape], stream },
              ),
              axis: 0,
            },
          ],
    cost: (_, outputs) => streamingCost([], outputs),
  });
  return op;
};

/** Upper 24 bits of a word, the ones that an f32 can hold. */
const upper = (word: number): number => word >>> 8;

export const randomUniformOp = random(
  'randomUniform',
  'f32 in [0, 1), a function of seed, step, stream and position alone.',
  (word) => upper(word) * 2 ** -24,
);

/** Uniform f32 numbers in [0, 1). Each call draws from a stream of its own, the same one when the trace is rebuilt. */
export const randomUniform = ({ seed, step }: RandomSource, shape: Shape): Tensor =>
  single(randomUniformOp, [seed, step], { shape, stream: traceContext().graph.newStream() });

export const randomNormalOp = random(
  'randomNormal',
  'Standard normal f32 (Box-Muller), a function of seed, step, stream and position alone.',
  (word0, word1) =>
    Math.sqrt(-2 * Math.log((upper(word0) + 1) * 2 ** -24)) * Math.cos(2 * Math.PI * upper(word1) * 2 ** -24),
);

/** Normal f32 numbers of mean 0 and variance 1. Streams as in `randomUniform`. */
export const randomNormal = ({ seed, step }: RandomSource, shape: Shape): Tensor =>
  single(randomNormalOp, [seed, step], { shape, stream: traceContext().graph.newStream() });

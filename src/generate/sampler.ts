import { utf8Allowed, utf8Next, utf8States } from '../codec/index.js';
import { threefry2x32 } from '../core/random.js';
import {
  add,
  cast,
  constantArray,
  div,
  gather,
  less,
  maximum,
  mul,
  reshape,
  sigmoid,
  slice,
  type Tensor,
} from '../tensor/index.js';

/** Keeps these numbers apart from those that training draws with the same seed. */
const samplingStream = 0x6279_7465;

/** Uniform numbers in [0, 1) for byte `index` of the row with that seed: one for the byte, one for its parity bit. */
export const drawsOf = (seed: number, index: number): readonly [byte: number, parity: number] => {
  const words = threefry2x32(seed % 2 ** 32, Math.floor(seed / 2 ** 32), index, samplingStream);
  // 24 bits are what an f32 holds: rounding never gives 1.
  return [(words[0] >>> 8) * 2 ** -24, (words[1] >>> 8) * 2 ** -24];
};

/** What may follow in UTF-8: f32 [states, 256], 0 or -infinity. */
const utf8Mask = Float64Array.from(utf8Allowed, (allowed) => (allowed ? 0 : Number.NEGATIVE_INFINITY));

/** Log-probabilities [B, 256] with those of bytes that cannot follow in the state (i32 [B]) of row b at -infinity. */
export const onlyUtf8 = (logProbabilities: Tensor, state: Tensor): Tensor =>
  add(logProbabilities, gather(constantArray(utf8Mask, [utf8States, 256]), state));

/** The states after the bytes, i32 [B] all of them. */
export const nextUtf8 = (state: Tensor, byte: Tensor): Tensor => {
  const table = constantArray(utf8Next, [utf8States * 256, 1], 'i32');
  return reshape(gather(table, add(mul(state, 256), byte)), byte.shape);
};

/** Draws bits from their logits [B] with the temperature in `settings`: i32 [B]. */
export const sampleBits = (logits: Tensor, uniform: Tensor, settings: Tensor): Tensor => {
  // Towards temperature 0 a draw becomes a decision; the floor stands for 0.
  const temperature = maximum(slice(settings, { start: 0, end: 1 }), 1e-6);
  return cast(less(uniform, sigmoid(div(logits, temperature))), 'i32');
};

/** Entries of a constant table for every byte at the bytes (i32 [B]): i32 [B]. */
export const lookUp = (table: readonly number[], byte: Tensor): Tensor =>
  reshape(gather(constantArray(table, [table.length, 1], 'i32'), byte), byte.shape);

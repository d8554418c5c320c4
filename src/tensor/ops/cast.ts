import type { Tensor } from '../graph.js';
import { type DType, elementCount, isFloat } from '../types.js';
import { gradientRule, primitive, reference, single, streamingCost } from './define.js';
import { sameAxes } from './example-axes.js';

type Attributes = { readonly dtype: DType };

export const castOp = primitive<Attributes>({
  name: 'cast',
  summary: 'The operand as another dtype: bf16 rounds to nearest even, floats are cut to integers and saturate.',
  operands: ['x'],
  attributeNames: ['dtype'],
  kind: 'elementwise',
  linearIn: 0,
  infer: ([x], { dtype }) => [{ shape: x!.shape, dtype }],
  gradient: gradientRule<Attributes>((dy, { inputs: [x] }) => [isFloat(x!.dtype) ? cast(dy, x!.dtype) : null]),
  evaluate: ([x], { dtype }, [output]) => [reference(output!, x!.data.map(converter(x!.dtype, dtype)))],
  batch: sameAxes((x, { dtype }: Attributes) => cast(x, dtype)),
  cost: (inputs, outputs) => streamingCost(inputs, outputs, elementCount(outputs[0]!.shape)),
});

/** `x` as another dtype. To bool: whether it is not 0. */
export const cast = (x: Tensor, dtype: DType): Tensor => (x.dtype === dtype ? x : single(castOp, [x], { dtype }));

/** f32 keeps all bits: the reference computes in float64 throughout. */
const converter = (from: DType, to: DType): ((x: number) => number) => {
  switch (to) {
    case 'f32':
    case 'f64':
      return (x) => x;
    case 'bf16':
      return roundToBfloat16;
    case 'i32':
      return (x) => saturate(x, -0x8000_0000, 0x7fff_ffff);
    case 'u8':
      return isFloat(from) ? (x) => saturate(x, 0, 255) : (x) => x & 255;
    case 'bool':
      return (x) => Number(x !== 0);
  }
};

const saturate = (x: number, low: number, high: number): number =>
  Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(x), low), high);

const word = new DataView(new ArrayBuffer(4));

/** The nearest bf16 (the upper half of an f32), ties to even; NaN stays NaN, too large becomes infinite. */
export const roundToBfloat16 = (x: number): number => {
  if (!Number.isFinite(x)) return x;
  word.setFloat32(0, x);
  const bits = word.getUint32(0);
  word.setUint32(0, ((bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff_0000) >>> 0);
  return word.getFloat32(0);
};

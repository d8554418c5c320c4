import type { Tensor } from '../graph.js';
import type { Examples, Mapped } from '../op.js';
import { elementCount, type ReferenceArray, type Shape, type TensorType } from '../types.js';
import { add } from './arithmetic.js';
import { concat } from './concat.js';
import {
  checkDType,
  floats,
  gradientRule,
  type Primitive,
  primitive,
  referenceZeros,
  shapeError,
  single,
  streamingCost,
  type Two,
} from './define.js';
import { atAxis, foldInto, unfold } from './mapped.js';
import { matmul } from './matmul.js';
import { liesApart, unrolled } from './one-example.js';
import { expandDims, reshape } from './reshape.js';
import { pad, slice } from './slice.js';

/** Zeros before and behind a sequence, each at most taps - 1: what is further out meets nothing of it. */
export type ConvolutionPadding = {
  readonly before: number;
  readonly after: number;
};

type Attributes = ConvolutionPadding & { readonly transposed: boolean };
type GradientAttributes = ConvolutionPadding & { readonly taps: number; readonly groups: number };

/** Sizes of a weight, [taps, inputs, outputs] or one for each group; `transposed` says that the last two are swapped. */
const sizesOf = (weight: Shape, transposed: boolean) => {
  const [taps, rows, columns] = weight.slice(-3) as [number, number, number];
  const groups = weight.length === 4 ? weight[0]! : 1;
  return { groups, taps, inputs: transposed ? columns : rows, outputs: transposed ? rows : columns };
};

const checkPadding = (taps: number, { before, after }: ConvolutionPadding, fail: (expected: string) => never): void => {
  if (![before, after].every((size) => Number.isInteger(size) && size >= 0 && size < taps)) {
    fail(`before (${before}) and after (${after}) must be whole numbers from 0 to taps - 1, ${taps - 1}`);
  }
};

const paddedLength = (length: number, taps: number, { before, after }: ConvolutionPadding): number =>
  Math.max(0, length + before + after - taps + 1);

/** The padding of the convolution that carries cotangents back. */
const mirrored = (taps: number, { before, after }: ConvolutionPadding): ConvolutionPadding => ({
  before: taps - 1 - before,
  after: taps - 1 - after,
});

export const convolutionOp: Primitive<Attributes> = primitive<Attributes>({
  name: 'convolution',
  summary:
    'Along positions: x [B, T, in] with weight [taps, in, out], one or one for each group of sequences; transposed: the last tap first, weight [taps, out, in].',
  operands: ['x', 'weight'],
  attributeNames: ['before', 'after', 'transposed'],
  kind: 'kernel',
  linearIn: 1,
  infer: (inputs, attributes, fail) => {
    const [x, weight] = inputs as Two<TensorType>;
    for (const operand of inputs) checkDType(operand, floats, 'operands', fail);
    if (x.dtype !== weight.dtype) fail('operands must have the same dtype; cast() one of them');
    if (x.shape.length !== 3) fail('x must be [batch, length, inputs]');
    if (weight.shape.length !== 3 && weight.shape.length !== 4) fail('weight must be [taps, inputs, outputs]');
    const { groups, taps, inputs: width, outputs } = sizesOf(weight.shape, attributes.transposed);
    const [batch, length, own] = x.shape as [number, number, number];
    if (taps < 1) fail('the weight must have a tap or more');
    if (own !== width) fail(`x has ${own} inputs a position, the weight ${width}`);
    if (groups < 1 || batch % groups !== 0) fail(`${groups} weights do not share out a batch of ${batch}`);
    checkPadding(taps, attributes, fail);
    return [{ shape: [batch, paddedLength(length, taps, attributes), outputs], dtype: x.dtype }];
  },
  gradient: gradientRule<Attributes>((dy, node) => {
    const [x, weight] = node.inputs as Two<Tensor>;
    const { transposed, before, after } = node.attributes;
    const { taps } = sizesOf(weight.shape, transposed);
    const back = mirrored(taps, { before, after });
    const dx = single(convolutionOp, [dy, weight], { ...back, transposed: !transposed });
    const groups = weight.shape.length === 4 ? weight.shape[0]! : 0;
    // Transposed, what the weight leads from is dy.
    const [from, to, padding] = transposed ? [dy, x, back] : [x, dy, { before, after }];
    return [dx, single(convolutionGradientOp, [from, to], { ...padding, taps, groups })];
  }),
  evaluate: (inputs, attributes, [output]) => {
    const [x, weight] = inputs as Two<ReferenceArray>;
    const { groups, taps, inputs: width, outputs } = sizesOf(weight.shape, attributes.transposed);
    const out = referenceZeros(output!);
    const size = taps * width * outputs;
    eachMeeting(x.shape, out.shape, taps, attributes.before, (from, to, tap, sequence) => {
      const at = Math.floor((sequence * groups) / x.shape[0]!) * size;
      for (let i = 0; i < width; i++) {
        for (let o = 0; o < outputs; o++) {
          const element = attributes.transposed
            ? ((taps - 1 - tap) * outputs + o) * width + i
            : (tap * width + i) * outputs + o;
          out.data[to * outputs + o]! += x.data[from * width + i]! * weight.data[at + element]!;
        }
      }
    });
    return [out];
  },
  batch: (inputs, attributes, examples) => {
    const [x, weight] = inputs as Two<Mapped>;
    if (weight.axis === null) {
      // A longer batch, in which the sequences of a group stay together.
      const inner = weight.tensor.shape.length === 4;
      const y = single(convolutionOp, [foldInto(x, 0, examples, inner), weight.tensor], attributes);
      return [unfold(y, 0, examples, inner)];
    }
    if (liesApart(weight)) return unrolled(convolutionOp, inputs, attributes, examples);
    if (x.axis === null) {
      // More outputs of the same sequences.
      const outputs = weight.tensor.shape.length - (attributes.transposed ? 3 : 2);
      return [unfold(single(convolutionOp, [x.tensor, foldInto(weight, outputs, examples)], attributes), 2, examples)];
    }
    const y = single(convolutionOp, [foldInto(x, 0, examples), eachGroup(weight, examples)], attributes);
    return [unfold(y, 0, examples)];
  },
  cost: (inputs, outputs, { transposed }) => {
    const { taps, inputs: width } = sizesOf(inputs[1]!.shape, transposed);
    return streamingCost(inputs, outputs, 2 * taps * width * elementCount(outputs[0]!.shape));
  },
  decompose: (inputs, attributes) => {
    const [x, weight] = inputs as Two<Tensor>;
    const { transposed } = attributes;
    const { groups, taps } = sizesOf(weight.shape, transposed);
    const count = paddedLength(x.shape[1]!, taps, attributes);
    const sides = weight.shape.slice(-2);
    const each = reshape(weight, [groups, taps, ...sides]);
    const terms = shiftedRows(x, groups, taps, count, attributes).map((rows, tap) => {
      const start = transposed ? taps - 1 - tap : tap;
      const matrices = reshape(slice(each, { axis: 1, start, end: start + 1 }), [groups, ...sides]);
      return matmul(rows, matrices, { transposeB: transposed });
    });
    const y = terms.reduce((sum, term) => add(sum, term));
    return [reshape(y, [x.shape[0]!, count, y.shape[2]!])];
  },
});

export const convolutionGradientOp: Primitive<GradientAttributes> = primitive<GradientAttributes>({
  name: 'convolutionGradient',
  summary: 'Gradient of the weight of a convolution: x [B, T, in] and dy [B, positions, out] to [taps, in, out].',
  operands: ['x', 'dy'],
  attributeNames: ['before', 'after', 'taps', 'groups'],
  kind: 'kernel',
  infer: (inputs, attributes, fail) => {
    const [x, dy] = inputs as Two<TensorType>;
    const { taps, groups } = attributes;
    for (const operand of inputs) checkDType(operand, floats, 'operands', fail);
    if (x.dtype !== dy.dtype) fail('operands must have the same dtype; cast() one of them');
    if (x.shape.length !== 3 || dy.shape.length !== 3) fail('operands must be [batch, length, width]');
    if (!Number.isInteger(taps) || taps < 1) fail(`taps must be a whole number from 1 on, not ${taps}`);
    checkPadding(taps, attributes, fail);
    const [batch, length, width] = x.shape as [number, number, number];
    const [other, count, outputs] = dy.shape as [number, number, number];
    const expected = paddedLength(length, taps, attributes);
    if (other !== batch || count !== expected) fail(`dy must have ${batch} sequences of ${expected} positions`);
    if (!Number.isInteger(groups) || groups < 0 || batch % (groups || 1) !== 0) {
      fail(`${groups} weights do not share out a batch of ${batch}`);
    }
    return [{ shape: [...(groups > 0 ? [groups] : []), taps, width, outputs], dtype: x.dtype }];
  },
  gradient: gradientRule<GradientAttributes>((cotangent, node) => {
    const [x, dy] = node.inputs as Two<Tensor>;
    const { taps, before, after } = node.attributes;
    const padding = { before, after };
    return [
      single(convolutionOp, [dy, cotangent], { ...mirrored(taps, padding), transposed: true }),
      single(convolutionOp, [x, cotangent], { ...padding, transposed: false }),
    ];
  }),
  evaluate: (inputs, { taps, groups, before }, [output]) => {
    const [x, dy] = inputs as Two<ReferenceArray>;
    const [width, outputs] = [x.shape[2]!, dy.shape[2]!];
    const out = referenceZeros(output!);
    eachMeeting(x.shape, dy.shape, taps, before, (from, to, tap, sequence) => {
      const group = Math.floor((sequence * (groups || 1)) / x.shape[0]!);
      for (let i = 0; i < width; i++) {
        const row = ((group * taps + tap) * width + i) * outputs;
        for (let o = 0; o < outputs; o++) {
          out.data[row + o]! += x.data[from * width + i]! * dy.data[to * outputs + o]!;
        }
      }
    });
    return [out];
  },
  batch: (inputs, attributes, examples) => {
    const [x, dy] = inputs.map((input) => foldInto({ tensor: atAxis(input, 0, examples), axis: 0 }, 0, examples)) as [
      Tensor,
      Tensor,
    ];
    const groups = examples.size * (attributes.groups || 1);
    const all = single(convolutionGradientOp, [x, dy], { ...attributes, groups });
    return [attributes.groups > 0 ? unfold(all, 0, examples) : { tensor: all, axis: 0 }];
  },
  cost: (inputs, outputs, { groups }) => {
    const [batch, count] = inputs[1]!.shape as [number, number];
    return streamingCost(inputs, outputs, ((2 * batch * count) / (groups || 1)) * elementCount(outputs[0]!.shape));
  },
  decompose: (inputs, attributes) => {
    const [x, dy] = inputs as Two<Tensor>;
    const { taps, groups } = attributes;
    const each = groups || 1;
    const [batch, count, outputs] = dy.shape as [number, number, number];
    const rowsOfDy = reshape(dy, [each, (batch / each) * count, outputs]);
    const products = shiftedRows(x, each, taps, count, attributes).map((rows) =>
      expandDims(matmul(rows, rowsOfDy, { transposeA: true }), 1),
    );
    const all = concat(products, 1); // [groups, taps, in, out]
    return [groups > 0 ? all : reshape(all, all.shape.slice(1))];
  },
});

/** For each tap what it sees of all sequences of a group: [groups, rows, inputs]. */
const shiftedRows = (
  x: Tensor,
  groups: number,
  taps: number,
  count: number,
  { before, after }: ConvolutionPadding,
): Tensor[] => {
  const [batch, , width] = x.shape as [number, number, number];
  const padded = pad(x, { axis: 1, before, after });
  return Array.from({ length: taps }, (_, tap) =>
    reshape(slice(padded, { axis: 1, start: tap, end: tap + count }), [groups, (batch / groups) * count, width]),
  );
};

/** Calls `f` with every position of x and every result that it enters by a tap, as rows of all sequences. */
const eachMeeting = (
  [batch, length]: Shape,
  [, count]: Shape,
  taps: number,
  before: number,
  f: (from: number, to: number, tap: number, sequence: number) => void,
): void => {
  for (let sequence = 0; sequence < batch!; sequence++) {
    for (let t = 0; t < count!; t++) {
      for (let tap = 0; tap < taps; tap++) {
        const s = t - before + tap;
        if (s >= 0 && s < length!) f(sequence * length! + s, sequence * count! + t, tap, sequence);
      }
    }
  }
};

/** Weights of many examples as groups of one longer batch. */
const eachGroup = (weight: Mapped, examples: Examples): Tensor => {
  const grouped = weight.tensor.shape.length === 5;
  return grouped ? foldInto(weight, 0, examples) : atAxis(weight, 0, examples);
};

/**
 * Cross-correlation along positions: `y[b, t, o] = sum over k, i of weight[k, i, o] x[b, t - before + k, i]`, x being zero
 * where it is not. `x` is [batch, length, inputs], `weight` [taps, inputs, outputs], or [groups, taps, inputs, outputs] for
 * `groups` runs of equally many neighbouring sequences with weights of their own. The result is
 * [batch, length + before + after - taps + 1, outputs]. A row's bits depend on what its taps see alone, not on the length.
 */
export const convolution = (x: Tensor, weight: Tensor, padding: Partial<ConvolutionPadding> = {}): Tensor =>
  single(convolutionOp, [x, weight], { before: padding.before ?? 0, after: padding.after ?? 0, transposed: false });

/**
 * Causal convolution: a position sees itself by the last tap and the taps - 1 before it by the others; before the first one
 * there are zeros. Shapes are those of `convolution`, and the length stays.
 *
 * FLOPs are counted as if the zeros were positions like others.
 */
export const causalConvolution = (x: Tensor, weight: Tensor): Tensor => {
  if (weight.shape.length < 3) throw shapeError('convolution', [x, weight], 'weight must be [taps, inputs, outputs]');
  return convolution(x, weight, { before: weight.shape.at(-3)! - 1 });
};

import type { Tensor } from '../graph.js';
import type { Examples, Mapped } from '../op.js';
import {
  elementCount,
  type ReferenceArray,
  rowMajorStrides,
  type Shape,
  sameShape,
  type TensorType,
} from '../types.js';
import { cast } from './cast.js';
import {
  checkDType,
  floats,
  gradientRule,
  type Primitive,
  primitive,
  referenceZeros,
  single,
  streamingCost,
  type Two,
} from './define.js';
import { exampleShape } from './example-axes.js';
import { atAxis, foldInto, unfold } from './mapped.js';
import { liesApart, unrolled } from './one-example.js';
import { reshape } from './reshape.js';
import { readStrided } from './strided.js';
import { transpose } from './transpose.js';

type Attributes = { readonly transposeA: boolean; readonly transposeB: boolean };

export const matmulOp: Primitive<Attributes> = primitive<Attributes>({
  name: 'matmul',
  summary: 'Matrix product over the last two axes: a [..., M, K] with b [K, N], shared or one for each leading index.',
  operands: ['a', 'b'],
  attributeNames: ['transposeA', 'transposeB'],
  kind: 'kernel',
  linearIn: [0, 1],
  // Rows of a for a matrix on the right, also where there is one for each leading index; columns of b for one on the left.
  examplesOf: ({ inputs: [a, b], outputs: [c] }, operand) => {
    if (operand === 1) return c!.shape[b!.shape.length - 2]!;
    return (a!.shape.length === 2 ? c!.shape.at(-1) : c!.shape[0])!;
  },
  infer: (inputs, { transposeA, transposeB }, fail) => {
    const [a, b] = inputs as Two<TensorType>;
    for (const operand of inputs) checkDType(operand, [...floats, 'bf16'], 'operands', fail);
    if (a.dtype !== b.dtype) fail('operands must have the same dtype; cast() one of them');
    if (a.shape.length < 2 || b.shape.length < 2) fail('operands must have two axes or more; reshape() vectors');
    const lead = a.shape.slice(0, -2);
    if (b.shape.length > 2 && !sameShape(lead, b.shape.slice(0, -2))) {
      fail('b must be one matrix, or have the same leading axes as a');
    }
    const [m, k] = matrixSizes(a.shape, transposeA);
    const [inner, n] = matrixSizes(b.shape, transposeB);
    if (k !== inner) fail(`the inner sizes must be equal: ${k} in a, ${inner} in b`);
    return [{ shape: [...lead, m, n], dtype: a.dtype === 'bf16' ? 'f32' : a.dtype }];
  },
  gradient: gradientRule<Attributes>((cotangent, node) => {
    const [a, b] = node.inputs as Two<Tensor>;
    // Of bf16 operands all three products are bf16 products: the cotangent is rounded for them, and each gradient to
    // the type of its operand. f32 operands cast nothing.
    const dy = cast(cotangent, a.dtype);
    return [cast(gradientOfA(dy, b, node.attributes), a.dtype), cast(gradientOfB(dy, a, b, node.attributes), b.dtype)];
  }),
  evaluate: (inputs, { transposeA, transposeB }, [output]) => {
    const [a, b] = inputs as Two<ReferenceArray>;
    const [m, k] = matrixSizes(a.shape, transposeA);
    const [, n] = matrixSizes(b.shape, transposeB);
    const left = transposeA ? swapped(a) : a.data;
    const right = transposeB ? swapped(b) : b.data;
    const out = referenceZeros(output!);
    for (let row = 0; row * n < out.data.length; row++) {
      const matrix = b.shape.length > 2 ? Math.floor(row / m) * k * n : 0;
      for (let i = 0; i < k; i++) {
        const factor = left[row * k + i]!;
        for (let j = 0; j < n; j++) out.data[row * n + j]! += factor * right[matrix + i * n + j]!;
      }
    }
    return [out];
  },
  batch: (inputs, attributes, examples) => {
    const [a, b] = inputs;
    if (b!.axis === null) return [productOfRows(a!, b!.tensor, attributes, examples)];
    if (inputs.some(liesApart)) return unrolled(matmulOp, inputs, attributes, examples);
    return [
      a!.axis === null
        ? productOfColumns(a!.tensor, b!, attributes, examples)
        : productOfBoth(a!, b!, attributes, examples),
    ];
  },
  cost: (inputs, outputs, { transposeA }) => {
    const [, k] = matrixSizes(inputs[0]!.shape, transposeA);
    return streamingCost(inputs, outputs, 2 * k * elementCount(outputs[0]!.shape));
  },
});

/**
 * Matrix product over the last two axes. `a` is [..., M, K] (with `transposeA` stored [..., K, M]); `b` is [K, N] (with
 * `transposeB` stored [N, K]), one matrix for all leading axes of `a` or one for each. The result is [..., M, N], of the
 * operands' type; of two bf16 operands, whose products are added in f32, it is f32.
 */
export const matmul = (a: Tensor, b: Tensor, options: { transposeA?: boolean; transposeB?: boolean } = {}): Tensor =>
  single(matmulOp, [a, b], { transposeA: options.transposeA ?? false, transposeB: options.transposeB ?? false });

/** dA = dC B^T */
const gradientOfA = (dy: Tensor, b: Tensor, { transposeA, transposeB }: Attributes): Tensor => {
  if (!transposeA) return matmul(dy, b, { transposeB: !transposeB });
  const shared = b.shape.length === 2 && dy.shape.length > 2;
  // dA^T = B dC^T; a shared matrix can only stand on the right.
  if (shared) return transpose(matmul(dy, b, { transposeB: !transposeB }));
  return matmul(b, dy, { transposeA: transposeB, transposeB: true });
};

/** dB = A^T dC; for a shared B one product over all rows. */
const gradientOfB = (dy: Tensor, a: Tensor, b: Tensor, { transposeA, transposeB }: Attributes): Tensor => {
  const shared = b.shape.length === 2 && a.shape.length > 2;
  if (!shared) {
    if (transposeB) return matmul(dy, a, { transposeA: true, transposeB: transposeA });
    return matmul(a, dy, { transposeA: !transposeA });
  }
  const rows = flatRows(transposeA ? transpose(a) : a); // [rows, K]
  const rowsOfDy = flatRows(dy); // [rows, N]
  return transposeB ? matmul(rowsOfDy, rows, { transposeA: true }) : matmul(rows, rowsOfDy, { transposeA: true });
};

/** Many left operands and one right one: more rows of the same product. */
const productOfRows = (a: Mapped, b: Tensor, attributes: Attributes, examples: Examples): Mapped => {
  const rank = a.tensor.shape.length - 1;
  if (b.shape.length === 2) {
    // Anything before K counts as rows, and M, if it is stored there, as a leading axis.
    const last = attributes.transposeA ? rank - 2 : rank - 1;
    const at = a.axis! <= last ? a.axis! : 0;
    return { tensor: matmul(atAxis(a, at, examples), b, attributes), axis: at };
  }
  if (attributes.transposeA) return productOfBoth(a, { tensor: b, axis: null }, attributes, examples);
  return unfold(matmul(foldInto(a, rank - 2, examples), b, attributes), rank - 2, examples);
};

/** One left operand and many right ones: more columns of the same product where these lie so that none has to move. */
const productOfColumns = (a: Tensor, b: Mapped, attributes: Attributes, examples: Examples): Mapped => {
  const { transposeA, transposeB } = attributes;
  const rank = a.shape.length;
  if (b.tensor.shape.length > 3) return productOfBoth({ tensor: a, axis: null }, b, attributes, examples);
  const columns = transposeB ? 0 : 1;
  if (b.axis === columns || b.axis === columns + 1) {
    const inner = b.axis > columns;
    return unfold(matmul(a, foldInto(b, columns, examples, inner), attributes), rank - 1, examples, inner);
  }
  if (rank === 2) return productOfBoth({ tensor: a, axis: null }, b, attributes, examples);
  // One batch of products, without copies of b for the leading axes of a.
  const rows = { tensor: flatRows(transposeA ? transpose(a) : a), axis: null };
  const { tensor } = productOfBoth(rows, b, { transposeA: false, transposeB }, examples);
  const lead = [...a.shape.slice(0, -2), matrixSizes(a.shape, transposeA)[0]];
  return { tensor: reshape(tensor, [examples.size, ...lead, tensor.shape.at(-1)!]), axis: 0 };
};

/** A product for each example; an operand that they share is read again for each, and not copied. */
const productOfBoth = (a: Mapped, b: Mapped, attributes: Attributes, examples: Examples): Mapped => {
  const { transposeA, transposeB } = attributes;
  const lead = exampleShape(a).slice(0, -2);
  if (lead.length > 0 && exampleShape(b).length === 2) {
    const whole = atAxis(a, 0, examples); // [examples, ..., M, K]
    const rows = transposeA ? transpose(whole) : whole;
    const [, ...rest] = rows.shape.slice(0, -1);
    const flat = reshape(rows, [examples.size, elementCount(rest), rows.shape.at(-1)!]);
    const product = matmul(flat, atAxis(b, 0, examples), { transposeB });
    return { tensor: reshape(product, [examples.size, ...rest, product.shape.at(-1)!]), axis: 0 };
  }
  const at = [a.axis, b.axis].find((axis) => axis !== null && axis <= lead.length) ?? 0;
  return { tensor: matmul(atAxis(a, at, examples), atAxis(b, at, examples), attributes), axis: at };
};

const flatRows = (x: Tensor): Tensor => reshape(x, [elementCount(x.shape.slice(0, -1)), x.shape.at(-1)!]);

/** Rows and columns of the factor, whichever way it is stored. */
const matrixSizes = (shape: Shape, transposed: boolean): readonly [number, number] => {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
};

const swapped = ({ data, shape }: ReferenceArray): Float64Array => {
  const swap = <T>(list: readonly T[]): T[] => [...list.slice(0, -2), list.at(-1)!, list.at(-2)!];
  return readStrided(data, swap(shape), swap(rowMajorStrides(shape)));
};

import type { Tensor } from '../graph.js';
import { elementCount, type ReferenceArray, type Shape, sameShape, type TensorType } from '../types.js';
import {
  checkDType,
  floats,
  gradientRule,
  type NoAttributes,
  type Primitive,
  primitive,
  referenceZeros,
  single,
  streamingCost,
  type Three,
} from './define.js';
import { unrolled } from './one-example.js';

/*
 * Products of rows that lie in groups one after the other, each group with a matrix of its own. How many rows a group has
 * is known at run time alone. Rows behind the last group are zeros, rows that `sizes` counts beyond the end are none.
 */

type Attributes = { readonly transposeB: boolean };

export const groupedMatmulOp: Primitive<Attributes> = primitive<Attributes>({
  name: 'groupedMatmul',
  summary:
    'Products of groups of rows: x [..., K] with weights [G, K, N], the first sizes[0] rows with the first matrix and so on.',
  operands: ['x', 'weights', 'sizes'],
  attributeNames: ['transposeB'],
  kind: 'kernel',
  linearIn: 1,
  infer: (inputs, { transposeB }, fail) => {
    const [x, weights, sizes] = inputs as Three<TensorType>;
    checkOperands(x, weights, sizes, fail);
    if (weights.shape.length !== 3) fail('the weights must be [groups, K, N]');
    const [groups, k, n] = matrixSizes(weights.shape, transposeB);
    if (!sameShape(sizes.shape, [groups])) fail(`there must be ${groups} sizes, one for each matrix`);
    if (x.shape.at(-1) !== k) fail(`the inner sizes must be equal: ${x.shape.at(-1)} in x, ${k} in the weights`);
    return [{ shape: [...x.shape.slice(0, -1), n], dtype: x.dtype }];
  },
  gradient: gradientRule<Attributes>((dy, { inputs, attributes: { transposeB } }) => {
    const [x, weights, sizes] = inputs as Three<Tensor>;
    const dWeights = transposeB ? groupedOuter(dy, x, sizes) : groupedOuter(x, dy, sizes);
    return [groupedMatmul(dy, weights, sizes, { transposeB: !transposeB }), dWeights, null];
  }),
  evaluate: (inputs, { transposeB }, [output]) => {
    const [x, weights, sizes] = inputs as Three<ReferenceArray>;
    const [, k, n] = matrixSizes(weights.shape, transposeB);
    const out = referenceZeros(output!);
    forRows(sizes, rowCount(x), (row, group) => {
      const matrix = group * k * n;
      for (let i = 0; i < k; i++) {
        const factor = x.data[row * k + i]!;
        for (let j = 0; j < n; j++)
          out.data[row * n + j]! += factor * weights.data[matrix + (transposeB ? j * k + i : i * n + j)]!;
      }
    });
    return [out];
  },
  batch: (inputs, attributes, examples) => unrolled(groupedMatmulOp, inputs, attributes, examples),
  cost: (inputs, outputs) =>
    streamingCost(inputs, outputs, 2 * elementCount(outputs[0]!.shape) * inputs[0]!.shape.at(-1)!),
});

/**
 * Products of groups of rows: x [..., K] with weights [G, K, N] (with `transposeB` stored [G, N, K]) and sizes i32 [G] to
 * [..., N]. Row by row the same bits as `matmul` with the matrix of its group.
 */
export const groupedMatmul = (
  x: Tensor,
  weights: Tensor,
  sizes: Tensor,
  { transposeB = false }: { transposeB?: boolean } = {},
): Tensor => single(groupedMatmulOp, [x, weights, sizes], { transposeB });

export const groupedOuterOp: Primitive<NoAttributes> = primitive<NoAttributes>({
  name: 'groupedOuter',
  summary: 'The product of x transposed and y of each group of rows: x [..., K] and y [..., N] give [G, K, N].',
  operands: ['x', 'y', 'sizes'],
  kind: 'kernel',
  infer: (inputs, _, fail) => {
    const [x, y, sizes] = inputs as Three<TensorType>;
    checkOperands(x, y, sizes, fail);
    if (!sameShape(x.shape.slice(0, -1), y.shape.slice(0, -1))) fail('x and y must have the same rows');
    return [{ shape: [sizes.shape[0]!, x.shape.at(-1)!, y.shape.at(-1)!], dtype: x.dtype }];
  },
  gradient: gradientRule((d, { inputs }) => {
    const [x, y, sizes] = inputs as Three<Tensor>;
    return [groupedMatmul(y, d, sizes, { transposeB: true }), groupedMatmul(x, d, sizes), null];
  }),
  evaluate: (inputs, _, [output]) => {
    const [x, y, sizes] = inputs as Three<ReferenceArray>;
    const [k, n] = [x.shape.at(-1)!, y.shape.at(-1)!];
    const out = referenceZeros(output!);
    forRows(sizes, rowCount(x), (row, group) => {
      for (let i = 0; i < k; i++) {
        const factor = x.data[row * k + i]!;
        for (let j = 0; j < n; j++) out.data[(group * k + i) * n + j]! += factor * y.data[row * n + j]!;
      }
    });
    return [out];
  },
  batch: (inputs, attributes, examples) => unrolled(groupedOuterOp, inputs, attributes, examples),
  cost: (inputs, outputs) => {
    const [x, y] = inputs as Three<TensorType>;
    return streamingCost(inputs, outputs, 2 * elementCount(x.shape) * y.shape.at(-1)!);
  },
});

/** `x` transposed times `y` for each group of rows: x [..., K], y [..., N] and sizes i32 [G] to [G, K, N]. */
export const groupedOuter = (x: Tensor, y: Tensor, sizes: Tensor): Tensor => single(groupedOuterOp, [x, y, sizes], {});

const checkOperands = (x: TensorType, other: TensorType, sizes: TensorType, fail: (e: string) => never): void => {
  checkDType(x, floats, 'operands', fail);
  if (x.dtype !== other.dtype) fail('operands must have the same dtype; cast() one of them');
  checkDType(sizes, ['i32'], 'the sizes', fail);
  if (x.shape.length < 2 || other.shape.length < 2) fail('operands must have two axes or more');
  if (sizes.shape.length !== 1) fail('the sizes must be [groups]');
};

/** Groups, inner and outer size of the matrices, whichever way they are stored. */
const matrixSizes = (shape: Shape, transposed: boolean): readonly [groups: number, k: number, n: number] => {
  const [groups, rows, columns] = shape as Three<number>;
  return transposed ? [groups, columns, rows] : [groups, rows, columns];
};

const rowCount = ({ shape }: ReferenceArray): number => elementCount(shape.slice(0, -1));

/** Calls `f` for every row that is in a group. */
const forRows = (sizes: ReferenceArray, rows: number, f: (row: number, group: number) => void): void => {
  let row = 0;
  sizes.data.forEach((size, group) => {
    for (let i = 0; i < size && row < rows; i++) f(row++, group);
  });
};

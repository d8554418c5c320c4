import type { Tensor } from '../graph.js';
import { type DType, describeType, elementCount, type ReferenceArray, type TensorType } from '../types.js';
import { broadcastShapes } from './broadcast.js';
import {
  checkDType,
  type NoAttributes,
  noGradient,
  type Primitive,
  primitive,
  reference,
  shapeError,
  single,
  streamingCost,
} from './define.js';
import { constant } from './leaves.js';
import { batchAligned } from './mapped.js';
import { expand } from './strided.js';

/** What sets one elementwise op apart from the others. */
export interface ElementwiseSpec {
  readonly name: string;
  readonly summary: string;
  readonly operands: readonly string[];
  /** Types that the operands may have; all have the same. */
  readonly dtypes: readonly DType[];
  /** Type of the result where it is not that of the operands. */
  readonly result?: DType;
  /** One element in float64; an op with fewer operands ignores the later arguments. */
  readonly compute: (a: number, b: number, c: number) => number;
  /** The same for i32 where float64 would lose the low bits. Results wrap at 32 bits anyway. */
  readonly computeInteger?: (a: number, b: number, c: number) => number;
  /** Absent: no gradient flows, or that of `decompose` does. */
  readonly gradient?: Primitive<NoAttributes>['gradient'];
  readonly decompose?: (inputs: readonly Tensor[]) => readonly Tensor[];
  readonly linearIn?: Primitive<NoAttributes>['linearIn'];
  readonly squaredGradient?: Primitive<NoAttributes>['squaredGradient'];
  /** Model FLOPs per element, 1 unless told. */
  readonly flops?: number;
}

/** An op that computes each element from the elements at the same place, after broadcasting. */
export const elementwise = (spec: ElementwiseSpec): Primitive<NoAttributes> => {
  const { name, summary, operands, dtypes, compute, decompose, linearIn, squaredGradient } = spec;
  const gradient = spec.gradient ?? (decompose ? undefined : noGradient);
  const op: Primitive<NoAttributes> = primitive<NoAttributes>({
    name,
    summary,
    operands,
    kind: 'elementwise',
    infer: (inputs, _, fail) => {
      for (const input of inputs) checkDType(input, dtypes, 'operands', fail);
      const { dtype } = inputs[0]!;
      if (inputs.some((input) => input.dtype !== dtype)) fail('operands must have the same dtype; cast() one of them');
      return [{ shape: broadcastOrFail(inputs, fail), dtype: spec.result ?? dtype }];
    },
    ...(gradient ? { gradient } : {}),
    ...(decompose ? { decompose } : {}),
    ...(linearIn !== undefined ? { linearIn } : {}),
    ...(squaredGradient ? { squaredGradient } : {}),
    evaluate: (inputs, _, [output]) => {
      const integer = inputs[0]!.dtype === 'i32' ? spec.computeInteger : undefined;
      return [mapElements(inputs, output!, integer ?? compute)];
    },
    batch: (inputs, attributes, examples) => batchAligned(op, inputs, attributes, examples),
    cost: (inputs, outputs) => streamingCost(inputs, outputs, elementCount(outputs[0]!.shape) * (spec.flops ?? 1)),
  });
  return op;
};

export const broadcastOrFail = (inputs: readonly TensorType[], fail: (expected: string) => never): number[] =>
  broadcastShapes(inputs.map((input) => input.shape)) ??
  fail('shapes must be equal, or 1 or missing where they differ, counted from the last axis');

/** Evaluates element by element; i32 results wrap. */
export const mapElements = (
  inputs: readonly ReferenceArray[],
  output: TensorType,
  compute: (a: number, b: number, c: number) => number,
): ReferenceArray => {
  const [a, b = a, c = a] = inputs.map((input) => expand(input, output.shape));
  const out = new Float64Array(elementCount(output.shape));
  for (let i = 0; i < out.length; i++) out[i] = compute(a![i]!, b![i]!, c![i]!);
  if (output.dtype === 'i32') for (let i = 0; i < out.length; i++) out[i] = out[i]! | 0;
  return reference(output, out);
};

/** The function of an op with one operand. */
export const unaryFunction =
  (op: Primitive<NoAttributes>) =>
  (x: Tensor): Tensor =>
    single(op, [x], {});

/** The function of an op with two operands, either of which may be a number. */
export const binaryFunction =
  (op: Primitive<NoAttributes>) =>
  (a: Tensor | number, b: Tensor | number): Tensor =>
    single(op, tensors(op.name, [a, b]), {});

/** Operands with numbers turned into scalar constants of the other operands' dtype. */
export const tensors = (op: string, operands: readonly (Tensor | number)[]): Tensor[] => {
  const like = operands.find((operand) => typeof operand !== 'number');
  if (!like) throw shapeError(op, [], 'at least one operand must be a tensor, all are numbers');
  return operands.map((operand) => {
    if (typeof operand !== 'number') return operand;
    if (like.dtype !== 'f32' && like.dtype !== 'f64' && !Number.isInteger(operand)) {
      throw shapeError(op, [like], `${operand} does not fit ${describeType(like)}; cast() the tensor`);
    }
    return constant(operand, [], like.dtype);
  });
};

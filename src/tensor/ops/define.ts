import { NonetError } from '../../core/errors.js';
import type { Attributes, Node, Tensor } from '../graph.js';
import { apply, type Cost, type OpDefinition } from '../op.js';
import { type DType, describeType, elementCount, type ReferenceArray, type TensorType, tensorBytes } from '../types.js';

/** An op of the closed set, with the names of its attributes for the op list in the docs. */
export type Primitive<A extends Attributes = Attributes> = OpDefinition<A> & {
  readonly attributeNames?: readonly (keyof A & string)[];
};

export const primitive = <A extends Attributes>(definition: Primitive<A>): Primitive<A> => definition;

/** Attributes of an op that has none. */
export type NoAttributes = Readonly<Record<string, never>>;

export type One<T> = readonly [T];
export type Two<T> = readonly [T, T];
export type Three<T> = readonly [T, T, T];

/** Types that arithmetic runs in. bf16, u8 and bool are for storage, masks and indices: cast first. */
export const floats: readonly DType[] = ['f32', 'f64'];
export const numbers: readonly DType[] = [...floats, 'i32'];

/** The only output of an op that has one. */
export const single = <A extends Attributes>(op: OpDefinition<A>, inputs: readonly Tensor[], attributes: A): Tensor =>
  apply(op, inputs, attributes)[0]!;

type Cotangents = readonly (Tensor | null)[];

/** The gradient rule of ops that no gradient passes: integer results, steps, random numbers. */
export const noGradient = (node: Node): null[] => node.inputs.map(() => null);

/** A gradient rule for an op with one output, whose cotangent `dy` is there. */
export const gradientRule =
  <A extends Attributes = NoAttributes>(rule: (dy: Tensor, node: Node & { attributes: A }) => Cotangents) =>
  (node: Node & { attributes: A }, cotangents: Cotangents): Cotangents => {
    const [dy] = cotangents;
    return dy ? rule(dy, node) : noGradient(node);
  };

/** A shape error of an op's function, for what has to be known before its node can be made. */
export const shapeError = (op: string, inputs: readonly TensorType[], expected: string): NonetError =>
  new NonetError('E_SHAPE', `${op}: ${expected}; got ${inputs.map(describeType).join(', ')}`, {
    op,
    shapes: inputs.map((input) => input.shape),
  });

/** Counts a negative axis from the end: -1 is the last one. Whether it is in range is for the shape rule to say. */
export const countedAxis = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Elements before, along and after an axis in row-major order. */
export const aroundAxis = (shape: readonly number[], axis: number): { outer: number; size: number; inner: number } => ({
  outer: elementCount(shape.slice(0, axis)),
  size: shape[axis]!,
  inner: elementCount(shape.slice(axis + 1)),
});

export const replaceAt = <T>(list: readonly T[], at: number, value: T): T[] =>
  list.map((item, i) => (i === at ? value : item));

export const checkDType = (
  type: TensorType,
  allowed: readonly DType[],
  what: string,
  fail: (e: string) => never,
): void => {
  if (!allowed.includes(type.dtype)) fail(`${what} must be ${allowed.join(' or ')}; cast() it`);
};

/** Cost of an op that reads its operands and writes its outputs once. */
export const streamingCost = (inputs: readonly TensorType[], outputs: readonly TensorType[], flops = 0): Cost => ({
  flops,
  bytes: [...inputs, ...outputs].reduce((sum, type) => sum + tensorBytes(type), 0),
});

/** Cost of an op that only renames data. */
export const freeCost = (): Cost => ({ flops: 0, bytes: 0 });

export const reference = (type: TensorType, data: Float64Array): ReferenceArray => ({
  shape: type.shape,
  dtype: type.dtype,
  data,
});

/** An empty reference array of that type, all zeros. */
export const referenceZeros = (type: TensorType): ReferenceArray =>
  reference(type, new Float64Array(elementCount(type.shape)));

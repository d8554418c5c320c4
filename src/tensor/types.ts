/** What a value is made of. `bool` holds 0 or 1 in one byte; integers wrap at 32 bits. */
export type DType = 'f32' | 'f64' | 'bf16' | 'i32' | 'u8' | 'bool';

export type Shape = readonly number[];

/** Static type of a value in a graph. `labels` name dimensions ("batch", "length") for plans, exports and axis names. */
export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly labels?: readonly (string | undefined)[];
}

const dtypeBytes: Record<DType, number> = { f32: 4, f64: 8, bf16: 2, i32: 4, u8: 1, bool: 1 };

/** Bytes that one element takes in memory. */
export const bytesOf = (dtype: DType): number => dtypeBytes[dtype];

export const isFloat = (dtype: DType): boolean => dtype === 'f32' || dtype === 'f64' || dtype === 'bf16';

/** Number of elements of a shape; 1 for a scalar. */
export const elementCount = (shape: Shape): number => {
  let count = 1;
  for (const size of shape) count *= size;
  return count;
};

/** Bytes of a dense tensor of that type. */
export const tensorBytes = (type: TensorType): number => elementCount(type.shape) * bytesOf(type.dtype);

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((size, i) => size === b[i]);

/** `f32[8, 512, 256]`, for messages and plans. */
export const describeType = (type: TensorType): string => `${type.dtype}[${type.shape.join(', ')}]`;

/** Row-major strides in elements. */
export const rowMajorStrides = (shape: Shape): number[] => {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * shape[i + 1]!;
  return strides;
};

/** A dense row-major tensor as the reference executor holds it: every dtype in float64, which is exact for all of them. */
export interface ReferenceArray {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: Float64Array;
}

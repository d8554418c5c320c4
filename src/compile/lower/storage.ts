import { bytesOf, type DType, elementCount, rowMajorStrides, type Shape } from '../../tensor/types.js';

/** A piece of native memory. Arena buffers get their offset from the memory plan; the others have a fixed place. */
export interface Buffer {
  readonly bytes: number;
  /** Segment of the program: 0 is the arena, then constants, inputs, outputs and states. */
  readonly segment: number;
  /** Byte offset in the segment; set by the plan for the arena. */
  offset: number;
  /** Instruction times between which an arena buffer must keep its contents. */
  first: number;
  last: number;
  /** Several values live in parts of it (concat). */
  shared: boolean;
}

/** How a tensor lies in a buffer: `strides` and `offset` in elements. A stride of 0 repeats. */
export interface View {
  readonly buffer: Buffer;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

export const contiguousView = (buffer: Buffer, dtype: DType, shape: Shape, offset = 0): View => ({
  buffer,
  dtype,
  shape,
  strides: rowMajorStrides(shape),
  offset,
});

/** Row-major without gaps; dimensions of size 1 may have any stride. */
export const isContiguous = (view: View): boolean => {
  let expected = 1;
  for (let i = view.shape.length - 1; i >= 0; i--) {
    if (view.shape[i] !== 1 && view.strides[i] !== expected) return false;
    expected *= view.shape[i]!;
  }
  return true;
};

export const byteOffset = (view: View): number => view.offset * bytesOf(view.dtype);

/** The view under another shape with as many elements, or undefined where no strides express it. */
export const reshapeView = (view: View, shape: Shape): View | undefined => {
  if (isContiguous(view)) return { ...view, shape, strides: rowMajorStrides(shape) };
  const from = view.shape.map((size, i) => ({ size, stride: view.strides[i]! })).filter((dim) => dim.size !== 1);
  const strides = new Array<number>(shape.length).fill(0);
  let f = 0;
  let t = 0;
  const to = shape.map((size, axis) => ({ size, axis })).filter((dim) => dim.size !== 1);
  while (f < from.length && t < to.length) {
    // Match a run of old dimensions with a run of new ones that hold as many elements.
    let fEnd = f + 1;
    let tEnd = t + 1;
    let fCount = from[f]!.size;
    let tCount = to[t]!.size;
    while (fCount !== tCount) {
      if (fCount < tCount) {
        if (fEnd >= from.length) return undefined;
        fCount *= from[fEnd++]!.size;
      } else {
        if (tEnd >= to.length) return undefined;
        tCount *= to[tEnd++]!.size;
      }
    }
    for (let i = f; i + 1 < fEnd; i++) {
      if (from[i]!.stride !== from[i + 1]!.stride * from[i + 1]!.size) return undefined;
    }
    let stride = from[fEnd - 1]!.stride;
    for (let i = tEnd - 1; i >= t; i--) {
      strides[to[i]!.axis] = stride;
      stride *= to[i]!.size;
    }
    f = fEnd;
    t = tEnd;
  }
  return { ...view, shape, strides };
};

/** Dimensions merged where strides allow; sizes of 1 are dropped. */
export const collapse = (
  shape: Shape,
  ...strideLists: (readonly number[])[]
): { sizes: number[]; strides: number[][] } => {
  const sizes: number[] = [];
  const strides: number[][] = strideLists.map(() => []);
  for (let i = 0; i < shape.length; i++) {
    if (shape[i] === 1) continue;
    const end = sizes.length - 1;
    const merges = end >= 0 && strideLists.every((list, k) => strides[k]![end] === list[i]! * shape[i]!);
    if (merges) {
      sizes[end]! *= shape[i]!;
      strideLists.forEach((list, k) => {
        strides[k]![end] = list[i]!;
      });
    } else {
      sizes.push(shape[i]!);
      strideLists.forEach((list, k) => strides[k]!.push(list[i]!));
    }
  }
  return { sizes, strides };
};

/** Strides with which a view of `shape` is read as `target`, to which it broadcasts. */
export const broadcastStrides = (shape: Shape, strides: readonly number[], target: Shape): number[] =>
  target.map((size, i) => {
    const own = i - (target.length - shape.length);
    return own < 0 || (shape[own] === 1 && size !== 1) ? 0 : strides[own]!;
  });

/** Bytes from the first to behind the last element that a view touches. */
export const spanBytes = (view: View): number => {
  if (elementCount(view.shape) === 0) return 0;
  const reach = view.shape.reduce((sum, size, i) => sum + (size - 1) * view.strides[i]!, 0);
  return (reach + 1) * bytesOf(view.dtype);
};

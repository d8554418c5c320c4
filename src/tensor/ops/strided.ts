import { elementCount, type ReferenceArray, rowMajorStrides, type Shape } from '../types.js';

/** A dense copy of the elements that `strides` (in elements, 0 repeats) pick from `data`, starting at `offset`. */
export const readStrided = (
  data: Float64Array,
  shape: Shape,
  strides: readonly number[],
  offset = 0,
): Float64Array<ArrayBuffer> => {
  const out = new Float64Array(elementCount(shape));
  const last = shape.length - 1;
  const inner = last < 0 ? 1 : shape[last]!;
  const step = last < 0 ? 0 : strides[last]!;
  const position = new Array<number>(Math.max(last, 0)).fill(0);
  let from = offset;
  for (let to = 0; to < out.length; to += inner) {
    for (let i = 0; i < inner; i++) out[to + i] = data[from + i * step]!;
    for (let axis = last - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      position[axis]!++;
      if (position[axis]! < shape[axis]!) break;
      from -= position[axis]! * strides[axis]!;
      position[axis] = 0;
    }
  }
  return out;
};

/** The elements of `array` repeated to `shape` by the rules of broadcasting; the array's own memory where nothing repeats. */
export const expand = (array: ReferenceArray, shape: Shape): Float64Array => {
  if (elementCount(array.shape) === elementCount(shape)) return array.data;
  const missing = shape.length - array.shape.length;
  const own = rowMajorStrides(array.shape);
  const strides = shape.map((_, i) => (i < missing || array.shape[i - missing] === 1 ? 0 : own[i - missing]!));
  return readStrided(array.data, shape, strides);
};

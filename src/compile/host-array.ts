import { NonetError } from '../core/errors.js';
import { bytesOf, type DType, elementCount, type Shape, type TensorType } from '../tensor/types.js';

export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array | Uint16Array;

/** A dense row-major array in JavaScript memory: what goes into and comes out of compiled functions. bf16 is its 16 bits. */
export class HostArray implements TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: TypedArray;

  /** `bounded`: see {@link boundedArray}. */
  constructor(data: TypedArray, shape: Shape, dtype: DType, bounded = false) {
    const count = elementCount(shape);
    if (bounded ? data.length > count : data.length !== count) {
      const what = bounded ? 'do not fit into' : 'do not fill';
      throw new NonetError('E_SHAPE', `${data.length} elements ${what} [${shape.join(', ')}]`);
    }
    this.data = data;
    this.shape = shape;
    this.dtype = dtype;
  }

  /** The only element. Throws `E_SHAPE` if there are more. */
  item(): number {
    if (this.data.length !== 1)
      throw new NonetError('E_SHAPE', `item() of an array of shape [${this.shape.join(', ')}]`);
    return this.data[0]!;
  }
}

const dtypeOfData = (data: TypedArray): DType => {
  if (data instanceof Float32Array) return 'f32';
  if (data instanceof Float64Array) return 'f64';
  if (data instanceof Int32Array) return 'i32';
  return data instanceof Uint16Array ? 'bf16' : 'u8';
};

/** An array of a shape (one dimension unless told); the dtype follows from the typed array unless told. */
export const hostArray = (
  data: TypedArray,
  shape: Shape = [data.length],
  dtype: DType = dtypeOfData(data),
): HostArray => new HostArray(data, shape, dtype);

/**
 * An array whose shape is a bound: its first elements, those behind them being zeros. Only what is there is moved to the core,
 * and a program serves every number of elements. Throws `E_SHAPE` for more of them than the shape holds. Such arrays are
 * not stacked for `repeat`.
 */
export const boundedArray = (data: TypedArray, shape: Shape, dtype: DType = dtypeOfData(data)): HostArray =>
  new HostArray(data, shape, dtype, true);

/** A scalar, f32 unless told. */
export const scalar = (value: number, dtype: DType = 'f32'): HostArray => {
  const data = newData(dtype, 1);
  data[0] = value;
  return new HostArray(data, [], dtype);
};

export const newData = (dtype: DType, count: number): TypedArray => {
  switch (dtype) {
    case 'f32':
      return new Float32Array(count);
    case 'f64':
      return new Float64Array(count);
    case 'i32':
      return new Int32Array(count);
    case 'bf16':
      return new Uint16Array(count);
    default:
      return new Uint8Array(count);
  }
};

export const zeros = (type: TensorType): HostArray => {
  const data = newData(type.dtype, elementCount(type.shape));
  return new HostArray(data, type.shape, type.dtype);
};

export const asBytes = (data: TypedArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

export const arrayBytes = (array: TensorType): number => elementCount(array.shape) * bytesOf(array.dtype);

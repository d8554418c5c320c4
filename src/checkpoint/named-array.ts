import { NonetError } from '../core/errors.js';

/** What an element of a stored array is: the names of the safetensors format, which are those of the tensors in capitals. */
export type StoredDType = 'F64' | 'F32' | 'I32' | 'BF16' | 'U8' | 'BOOL';

export type TypedArray = Float64Array | Float32Array | Int32Array | Uint16Array | Uint8Array;

/** A dense row-major array with the name under which it is stored. `BF16` lies in 16-bit words, `BOOL` as bytes 0 and 1. */
export interface NamedArray {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

interface DTypeInfo {
  /** Bytes of one element. */
  readonly bytes: number;
  /** A typed array over all of the buffer. */
  readonly over: (buffer: ArrayBuffer) => TypedArray;
  readonly holds: (data: TypedArray) => boolean;
}

const DTYPES: Readonly<Record<StoredDType, DTypeInfo>> = {
  F64: { bytes: 8, over: (buffer) => new Float64Array(buffer), holds: (data) => data instanceof Float64Array },
  F32: { bytes: 4, over: (buffer) => new Float32Array(buffer), holds: (data) => data instanceof Float32Array },
  I32: { bytes: 4, over: (buffer) => new Int32Array(buffer), holds: (data) => data instanceof Int32Array },
  BF16: { bytes: 2, over: (buffer) => new Uint16Array(buffer), holds: (data) => data instanceof Uint16Array },
  U8: { bytes: 1, over: (buffer) => new Uint8Array(buffer), holds: (data) => data instanceof Uint8Array },
  BOOL: { bytes: 1, over: (buffer) => new Uint8Array(buffer), holds: (data) => data instanceof Uint8Array },
};

export const STORED_DTYPES = Object.keys(DTYPES) as readonly StoredDType[];

export function isStoredDType(value: unknown): value is StoredDType {
  return typeof value === 'string' && Object.hasOwn(DTYPES, value);
}

/** Bytes that a dense array takes. */
export function storedBytes(dtype: StoredDType, shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1) * DTYPES[dtype].bytes;
}

/** The buffer seen as elements of that type; its length is a multiple of the element's. */
export function typedArrayOver(dtype: StoredDType, buffer: ArrayBuffer): TypedArray {
  return DTYPES[dtype].over(buffer);
}

/** The memory of an array, not copied. */
export function bytesOfArray(data: TypedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** @throws NonetError `E_CHECKPOINT` when the data has another type or length than dtype and shape say. */
export function requireConsistent({ name, dtype, shape, data }: NamedArray): void {
  const type = `${dtype}[${shape.join(', ')}]`;
  if (!DTYPES[dtype].holds(data)) {
    throw new NonetError('E_CHECKPOINT', `array ${name} is ${type} but its data is a ${data.constructor.name}.`, {
      name,
    });
  }
  if (data.byteLength !== storedBytes(dtype, shape)) {
    const message = `array ${name} is ${type}, ${storedBytes(dtype, shape)} bytes, but its data has ${data.byteLength}.`;
    throw new NonetError('E_CHECKPOINT', message, { name });
  }
}

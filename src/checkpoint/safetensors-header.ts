import { NonetError } from '../core/errors.js';
import { isStoredDType, type NamedArray, STORED_DTYPES, type StoredDType, storedBytes } from './named-array.js';

/** Where an array lies in a safetensors file. */
export interface StoredArray {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** Position of the first byte, counted from the end of the header. */
  readonly offset: number;
  /** Bytes. */
  readonly byteLength: number;
}

export interface SafetensorsHeader {
  /** In the order in which they lie in the file, without holes. */
  readonly arrays: readonly StoredArray[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bytes of the header's length in front of it. */
export const LENGTH_BYTES = 8;

/** What the reference implementation takes; a longer header is a damaged length. */
export const MAX_HEADER_BYTES = 100_000_000;

const METADATA_KEY = '__metadata__';

/** Data starts at a multiple of this, so that a reader may map the file and use the arrays in place. */
const ALIGNMENT = 8;

/** The start of a file, length included, that holds these arrays in this order. */
export function encodeHeader(arrays: readonly NamedArray[], metadata: Readonly<Record<string, string>>): Uint8Array {
  let end = 0;
  const entries = arrays.map(({ name, dtype, shape }) => {
    const start = end;
    end += storedBytes(dtype, shape);
    return [name, { dtype, shape, data_offsets: [start, end] }] as const;
  });
  const leading = Object.keys(metadata).length > 0 ? [[METADATA_KEY, metadata] as const] : [];
  // `fromEntries` also takes an array that is called __proto__.
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries([...leading, ...entries])));
  const headerBytes = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(LENGTH_BYTES + headerBytes).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(json, LENGTH_BYTES);
  return bytes;
}

/**
 * Reads and checks the JSON of a header.
 *
 * @param path for messages
 * @param dataBytes what follows the header in the file
 * @throws NonetError `E_CHECKPOINT` that names the file and what is wrong with it
 */
export function decodeHeader(json: Uint8Array, path: string, dataBytes: number): SafetensorsHeader {
  const tree = parseObject(json, path);
  const arrays: StoredArray[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(tree)) {
    if (name === METADATA_KEY) metadata = decodeMetadata(value, path);
    else arrays.push(decodeArray(name, value, path));
  }
  arrays.sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  requireDense(arrays, path, dataBytes);
  return { arrays, metadata };
}

/** The error of a file that does not keep to the format. */
export function damaged(path: string, what: string): NonetError {
  return new NonetError('E_CHECKPOINT', `${path} is not an intact safetensors file: ${what}.`, { path });
}

function parseObject(json: Uint8Array, path: string): Record<string, unknown> {
  let tree: unknown;
  try {
    tree = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch {
    throw damaged(path, 'its header is not JSON');
  }
  if (!isRecord(tree)) throw damaged(path, 'its header is not a JSON object');
  return tree;
}

function decodeMetadata(value: unknown, path: string): Record<string, string> {
  if (!isRecord(value)) throw damaged(path, `${METADATA_KEY} is not an object`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw damaged(path, `${METADATA_KEY}.${key} is not a string`);
  }
  return value as Record<string, string>;
}

function decodeArray(name: string, value: unknown, path: string): StoredArray {
  if (!isRecord(value)) throw damaged(path, `the entry of ${name} is not an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isStoredDType(dtype)) {
    throw damaged(path, `${name} has the dtype ${JSON.stringify(dtype)}, known are ${STORED_DTYPES.join(', ')}`);
  }
  if (!isSizes(shape)) throw damaged(path, `${name} has the shape ${JSON.stringify(shape)}`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw damaged(path, `${name} has the data offsets ${JSON.stringify(offsets)}`);
  }
  const byteLength = offsets[1]! - offsets[0]!;
  const expected = storedBytes(dtype, shape);
  if (byteLength !== expected) {
    const type = `${dtype}[${shape.join(', ')}]`;
    throw damaged(path, `${name} has ${byteLength} bytes of data, ${type} takes ${expected}`);
  }
  return { name, dtype, shape, offset: offsets[0]!, byteLength };
}

/** Every byte of data belongs to exactly one array. */
function requireDense(arrays: readonly StoredArray[], path: string, dataBytes: number): void {
  let end = 0;
  for (const { name, offset, byteLength } of arrays) {
    if (offset < end) throw damaged(path, `${name} overlaps the array before it`);
    if (offset > end) throw damaged(path, `${offset - end} bytes before ${name} belong to no array`);
    end = offset + byteLength;
  }
  if (end > dataBytes) throw damaged(path, `it is truncated, ${end - dataBytes} bytes of data are missing`);
  if (end < dataBytes) throw damaged(path, `${dataBytes - end} bytes follow the last array`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

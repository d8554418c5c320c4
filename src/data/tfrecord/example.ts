import { NonetError } from '../../core/errors.js';
import { protobuf } from '../../core/libraries.js';

/*
 * The protocol buffer that TFRecord files hold by custom (tensorflow/core/example): Example { features = 1 }, Features {
 * map feature = 1 }, Feature { bytes_list = 1 | float_list = 2 | int64_list = 3 }, each list { value = 1 }.
 */
const FIELD_ONE = 1;
const BYTES_LIST = 1;
const INT64_LIST = 3;
const DELIMITED = 2;
const tagOf = (field: number, wireType: number): number => (field << 3) | wireType;

export interface ExamplePlace {
  /** For messages only. */
  readonly path: string;
  /** The record's number, from 1. */
  readonly number: number;
  /** The feature that holds the bytes. */
  readonly feature: string;
}

/**
 * The bytes that a record holds in one of its features: values of a bytes list one behind the other, or those of an int64
 * list, which then are 0 to 255.
 *
 * @throws NonetError `E_DATA` with the number of a record that is no Example, lacks the feature or holds something else.
 */
export const exampleBytes = (record: Uint8Array, { path, number, feature }: ExamplePlace): Uint8Array => {
  const fail = (what: string, cause?: unknown): NonetError =>
    new NonetError('E_DATA', `${path}, record ${number}: ${what}`, { path, record: number }, { cause });
  try {
    const features = featuresOf(record);
    const message = features.get(feature);
    if (!message) {
      const known = [...features.keys()].join(', ') || 'none';
      const advice = 'Set data.textField to the one that holds the text.';
      throw fail(`the feature "${feature}" is missing (features here: ${known}). ${advice}`);
    }
    const [kind, list] = fieldsOf(message)[0] ?? [BYTES_LIST, new Uint8Array(0)];
    if (kind === BYTES_LIST) return Buffer.concat(fieldsOf(list).map(([, value]) => value));
    if (kind !== INT64_LIST) throw fail(`the feature "${feature}" holds floats; bytes or integers are expected.`);
    return bytesOfIntegers(list, (value, at) =>
      fail(`value ${at + 1} of "${feature}" is ${value}: integers must be bytes, 0 to 255.`),
    );
  } catch (error) {
    if (error instanceof NonetError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw fail(`not a tf.train.Example (${reason}). Records of another kind cannot be read.`, error);
  }
};

const featuresOf = (record: Uint8Array): Map<string, Uint8Array> => {
  const found = new Map<string, Uint8Array>();
  for (const [, features] of fieldsOf(record).filter(([field]) => field === FIELD_ONE)) {
    for (const [, entry] of fieldsOf(features).filter(([field]) => field === FIELD_ONE)) {
      const parts = new Map(fieldsOf(entry));
      found.set(new TextDecoder().decode(parts.get(1)), parts.get(2) ?? new Uint8Array(0));
    }
  }
  return found;
};

/** The fields of a message that have a length, with their numbers; others are passed over. */
const fieldsOf = (message: Uint8Array): (readonly [field: number, value: Uint8Array])[] => {
  const reader = protobuf().Reader.create(message);
  const fields: (readonly [number, Uint8Array])[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if ((tag & 7) === DELIMITED) fields.push([tag >>> 3, reader.bytes()]);
    else reader.skipType(tag & 7);
  }
  return fields;
};

/** Packed (proto3) or one by one: both are written. */
const bytesOfIntegers = (list: Uint8Array, fail: (value: string, at: number) => NonetError): Uint8Array => {
  const reader = protobuf().Reader.create(list);
  const values: number[] = [];
  const take = (): void => {
    const value = reader.int64();
    if (!(Number(value) >= 0 && Number(value) <= 255)) throw fail(String(value), values.length);
    values.push(Number(value));
  };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if ((tag & 7) !== DELIMITED) take();
    else for (const end = reader.uint32() + reader.pos; reader.pos < end; ) take();
  }
  return Uint8Array.from(values);
};

/** How bytes are put into a record. */
export type ExampleKind = 'bytes' | 'int64';

/** A record that holds `bytes` in one feature, as a bytes list of one value or as an int64 list of a value per byte. */
export const exampleOf = (bytes: Uint8Array, feature: string, kind: ExampleKind): Uint8Array => {
  const writer = protobuf().Writer.create();
  writer.uint32(tagOf(FIELD_ONE, DELIMITED)).fork(); // features
  writer.uint32(tagOf(FIELD_ONE, DELIMITED)).fork(); // an entry of the map
  writer.uint32(tagOf(1, DELIMITED)).string(feature);
  writer.uint32(tagOf(2, DELIMITED)).fork(); // its feature
  writer.uint32(tagOf(kind === 'bytes' ? BYTES_LIST : INT64_LIST, DELIMITED)).fork();
  writer.uint32(tagOf(FIELD_ONE, DELIMITED));
  if (kind === 'bytes') writer.bytes(bytes);
  else {
    writer.fork();
    for (const byte of bytes) writer.uint32(byte);
    writer.ldelim();
  }
  return writer.ldelim().ldelim().ldelim().ldelim().finish();
};

import { exampleBytes } from './example.js';
import { type FrameOptions, readFrames } from './frames.js';

export interface RecordOptions extends FrameOptions {
  /** The feature that holds the bytes. */
  readonly feature: string;
}

/**
 * The bytes that the records of a TFRecord file hold, one behind the other: whoever wrote it put separators where
 * documents end.
 *
 * @throws NonetError `E_DATA` for a damaged record, unless it is to be left out, and for a sound one that holds something
 * else.
 */
export async function* recordBytes(
  bytes: AsyncIterable<Uint8Array>,
  { path, feature, onDamaged }: RecordOptions,
): AsyncGenerator<Uint8Array> {
  for await (const { record, number } of readFrames(bytes, { path, onDamaged })) {
    yield exampleBytes(record, { path, number, feature });
  }
}

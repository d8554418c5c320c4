import { NonetError } from '../../core/errors.js';
import { type ExamplePlace, exampleBytes } from './example.js';
import { type FrameOptions, readFrames, skipAdvice } from './frames.js';

export interface RecordOptions extends FrameOptions {
  /** The feature that holds the bytes. */
  readonly feature: string;
}

/**
 * The bytes that the records of a TFRecord file hold, one behind the other: whoever wrote it put separators where
 * documents end.
 *
 * @throws NonetError `E_DATA` for a damaged record and for a sound one that holds something else, unless such are to be
 * left out.
 */
export async function* recordBytes(
  bytes: AsyncIterable<Uint8Array>,
  { path, feature, onDamaged }: RecordOptions,
): AsyncGenerator<Uint8Array> {
  for await (const { record, number } of readFrames(bytes, { path, onDamaged })) {
    const held = bytesOr(onDamaged, record, { path, number, feature });
    if (held) yield held;
  }
}

/** What a record holds; without it where that cannot be told and such records are left out. */
const bytesOr = (
  onDamaged: FrameOptions['onDamaged'],
  record: Uint8Array,
  place: ExamplePlace,
): Uint8Array | undefined => {
  try {
    return exampleBytes(record, place);
  } catch (error) {
    if (!(error instanceof NonetError)) throw error;
    const { code, message, details } = error;
    if (!onDamaged) throw new NonetError(code, `${message} Or ${skipAdvice}.`, details, { cause: error });
    onDamaged(message.replace(/\.$/, ''));
    return undefined;
  }
};

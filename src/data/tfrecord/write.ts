import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NonetError } from '../../core/errors.js';
import { fileError, makeFolder, temporaryName, writeFileAtomic } from '../../core/files.js';
import type { ByteStore } from '../byte-store.js';
import { openDataset } from '../dataset.js';
import { type DataOptions, prepareData } from '../prepare.js';
import { resolveSources } from '../sources.js';
import { type ExampleKind, exampleOf } from './example.js';
import { frameOf } from './frames.js';
import { requireSafeOutputs } from './outputs.js';

export interface WriteOptions extends DataOptions {
  /** The file that is written. */
  readonly out: string;
  /** Written with the validation part, which else stays in `out` with the rest. */
  readonly validationOut?: string;
  /** Bytes of text in a record; default 65,536. */
  readonly recordBytes?: number;
  /** The feature that holds them; default `text`. */
  readonly feature?: string;
  /** As one bytes value (default), or as integers, a byte each. */
  readonly kind?: ExampleKind;
  /** Whether files that are there are overwritten; else they are errors. */
  readonly force?: boolean;
  /** Gets what the user should know: records left out, long repeats between the two parts. */
  readonly warn?: (message: string) => void;
}

export interface WrittenRecords {
  readonly path: string;
  readonly records: number;
  /** Bytes of text in them. */
  readonly bytes: number;
}

/**
 * Writes any data that can be trained on as TFRecord files of Examples. Documents of JSONL and WikiText are set apart by
 * the separator; records are cut without regard to them. A file appears whole or not at all.
 *
 * @returns what was written: of `out`, and of `validationOut` if there is one.
 * @throws NonetError as `prepareData`, `E_CONFIG` for a record size out of range, `E_FILE` where it cannot be written,
 * and for an output that is an input, the other output, or there already and not to be overwritten.
 *
 * @example
 * await writeTfRecords({ path: 'texts/*.jsonl.zst', separator: 4, out: 'texts.tfrecord' });
 */
export async function writeTfRecords(options: WriteOptions): Promise<WrittenRecords[]> {
  const { out, validationOut, recordBytes = 65536, feature = 'text', kind = 'bytes' } = options;
  if (!Number.isSafeInteger(recordBytes) || recordBytes < 1 || recordBytes > 2 ** 28) {
    throw new NonetError('E_CONFIG', `recordBytes is ${recordBytes}: a whole number from 1 to 2^28 is expected.`);
  }
  const inputs = await resolveSources([options.path, options.validationPath ?? []].flat(), options.format);
  await requireSafeOutputs({
    inputs: inputs.map(({ path }) => path),
    outputs: [out, ...(validationOut === undefined ? [] : [validationOut])],
    force: options.force ?? false,
  });
  // The same way that training takes, so that a part holds what it would hold there.
  const scratch = temporaryName(join(dirname(out), 'tfrecord'));
  try {
    await makeFolder(scratch);
    const split = validationOut === undefined ? { validationShare: 0 } : {};
    const { folder, warnings } = await prepareData({ ...options, ...split }, scratch);
    for (const warning of warnings) options.warn?.(warning);
    const dataset = await openDataset(folder);
    try {
      const record = (bytes: Uint8Array): Uint8Array => frameOf(exampleOf(bytes, feature, kind));
      const written = [await writeRecords(out, dataset.trainBytes, recordBytes, record)];
      if (validationOut === undefined) return written;
      return [...written, await writeRecords(validationOut, dataset.validationBytes, recordBytes, record)];
    } finally {
      dataset.close();
    }
  } catch (error) {
    throw fileError(error, 'write', out);
  } finally {
    await rm(scratch, { recursive: true, force: true }).catch(() => undefined);
  }
}

const writeRecords = async (
  path: string,
  store: ByteStore,
  size: number,
  recordOf: (bytes: Uint8Array) => Uint8Array,
): Promise<WrittenRecords> => {
  const records = function* () {
    for (let at = 0; at < store.length; at += size) {
      yield recordOf(store.read(at, Math.min(size, store.length - at)));
    }
  };
  await writeFileAtomic(path, records());
  return { path, records: Math.ceil(store.length / size), bytes: store.length };
};

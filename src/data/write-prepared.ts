import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { NonetError } from '../core/errors.js';
import { syncFolder, writeFileAtomic } from '../core/files.js';
import { type ByteStore, fileStore, sliceStore } from './byte-store.js';
import { DATA_FILE, META_FILE, PREPARED_VERSION, type PreparedMeta } from './dataset.js';
import { findDuplicates } from './duplicates.js';
import { readSource } from './read-source.js';
import type { SourceFile } from './sources.js';

/** How sources become the two parts; everything that shapes the data besides the sources. */
export interface SplitRule {
  readonly validationShare: number;
  readonly splitUnit: 'bytes' | 'characters';
  readonly separator: number;
  readonly textField: string;
  /** Left out where damaged records are errors, as it then says nothing about the data. */
  readonly damaged?: 'skip';
}

/**
 * Writes `data.bin` and `meta.json` into an empty folder and syncs them.
 * @throws NonetError `E_DATA` when a part would have no byte.
 */
export async function writePrepared(
  folder: string,
  training: readonly SourceFile[],
  validation: readonly SourceFile[],
  rule: SplitRule,
): Promise<PreparedMeta> {
  const path = join(folder, DATA_FILE);
  const hash = createHash('sha256').update(
    JSON.stringify([PREPARED_VERSION, rule, training.length, validation.length]),
  );
  const files: { name: string; bytes: number }[] = [];
  const damaged: string[] = [];
  const output = await open(path, 'wx');
  try {
    const append = async (sources: readonly SourceFile[]): Promise<number> => {
      let total = 0;
      for (const source of sources) {
        const bytes = await appendSource(output, hash, source, { rule, continues: total > 0, damaged });
        hash.update(JSON.stringify([source.name, bytes]));
        files.push({ name: source.name, bytes });
        total += bytes;
      }
      if (total === 0 && sources.length > 0) throw emptyText(sources, damaged);
      return total;
    };
    const trainTotal = await append(training);
    const validationTotal = await append(validation);
    await output.sync();
    const meta = await describe(path, trainTotal, validationTotal, rule, {
      sourceHash: hash.digest('hex'),
      files,
      ...(damaged.length > 0 && { damaged }),
    });
    await writeFileAtomic(join(folder, META_FILE), `${JSON.stringify(meta, undefined, 2)}\n`);
    await syncFolder(folder);
    return meta;
  } finally {
    await output.close();
  }
}

/** Appends the payload of one source to the file and the hash; the number of its bytes. */
async function appendSource(
  output: FileHandle,
  hash: { update(bytes: Uint8Array): unknown },
  source: SourceFile,
  { rule, continues, damaged }: { rule: SplitRule; continues: boolean; damaged: string[] },
): Promise<number> {
  const { separator, textField } = rule;
  const onDamaged = rule.damaged && ((what: string) => void damaged.push(what));
  let bytes = 0;
  for await (const piece of readSource(source, { separator, textField, continues, onDamaged })) {
    hash.update(piece);
    // Unlike `write`, it goes on until all of the piece is written.
    await output.writeFile(piece);
    bytes += piece.length;
  }
  return bytes;
}

async function describe(
  path: string,
  trainTotal: number,
  validationTotal: number,
  rule: SplitRule,
  read: Pick<PreparedMeta, 'sourceHash' | 'files' | 'damaged'>,
): Promise<PreparedMeta> {
  const store = fileStore(path);
  try {
    const bytes = store.length;
    const trainBytes = validationTotal > 0 ? trainTotal : splitPoint(store, rule);
    const validationBytes = bytes - trainBytes;
    if (trainBytes === 0 || (validationBytes === 0 && rule.validationShare > 0)) {
      const part = trainBytes === 0 ? 'training' : 'validation';
      const message = `of ${bytes} bytes of data none is left for ${part}: give more data or change data.validationShare.`;
      throw new NonetError('E_DATA', message, { bytes, part });
    }
    const duplicates = await findDuplicates(
      sliceStore(store, 0, trainBytes),
      sliceStore(store, trainBytes, validationBytes),
    );
    return { version: PREPARED_VERSION, ...read, bytes, trainBytes, validationBytes, duplicates };
  } finally {
    store.close();
  }
}

/** Bytes of the training part when the validation part is a share of the stream. */
function splitPoint(store: ByteStore, { validationShare, splitUnit }: SplitRule): number {
  const trainShare = 1 - validationShare;
  if (splitUnit === 'bytes') return Math.floor(store.length * trainShare);
  let characters = 0;
  forEachByte(store, (byte) => {
    if (startsCharacter(byte)) characters += 1;
    return true;
  });
  const trainCharacters = Math.floor(characters * trainShare);
  // The part ends right before the character after its last one.
  let seen = 0;
  let end = store.length;
  forEachByte(store, (byte, at) => {
    if (startsCharacter(byte)) seen += 1;
    if (seen <= trainCharacters) return true;
    end = at;
    return false;
  });
  return end;
}

/** Every byte of UTF-8 but those of the form 10xxxxxx starts a character. */
const startsCharacter = (byte: number): boolean => (byte & 0xc0) !== 0x80;

/** Calls `visit` for every byte until it says false. */
function forEachByte(store: ByteStore, visit: (byte: number, at: number) => boolean): void {
  const pieceBytes = 1 << 20;
  for (let start = 0; start < store.length; start += pieceBytes) {
    const piece = store.read(start, Math.min(pieceBytes, store.length - start));
    for (let at = 0; at < piece.length; at++) {
      if (!visit(piece[at]!, start + at)) return;
    }
  }
}

function emptyText(sources: readonly SourceFile[], damaged: readonly string[]): NonetError {
  const names = sources.slice(0, 3).map(({ path }) => path);
  const more = sources.length > 3 ? ` and ${sources.length - 3} more` : '';
  const why =
    damaged.length > 0
      ? `nothing is left, all records were left out (${damaged[0]})`
      : 'empty, there is no text to learn from';
  const message = `${names.join(', ')}${more}: ${why}.`;
  return new NonetError('E_DATA', message, { paths: sources.map(({ path }) => path) });
}

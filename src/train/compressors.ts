import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { type Command, outputBytes } from './run-filter.js';

/** Bits per byte, or why there is no figure. */
export type CompressorResult = number | { readonly missing: string };

/** Sizes that general-purpose compressors reach, in bits per byte of the validation part. */
export interface CompressorSizes {
  /** The validation part alone, `gzip -9`. */
  readonly gzip: CompressorResult;
  /** `bzip2 -9`. */
  readonly bzip2: CompressorResult;
  /** `xz -9e`. */
  readonly xz: CompressorResult;
  /** `zstd -19`. */
  readonly zstd: CompressorResult;
  /** xz of the training and validation parts together minus xz of the training part: what a reader of both pays. */
  readonly xzConditional?: CompressorResult;
}

/** Bytes that are gone through more than once: in memory, or anew from a function at every call. */
export type ByteSource = Uint8Array | (() => Iterable<Uint8Array> | AsyncIterable<Uint8Array>);

/**
 * What the usual compressors make of the validation bytes, to be set beside a model's bits per byte. The installed tools
 * are used, or else Python's modules, one after the other (xz takes up to 700 MB of memory).
 *
 * @param train with it, `xzConditional` is measured too, which compresses all of it twice
 */
export async function compressorSizes(validation: Uint8Array, train?: ByteSource): Promise<CompressorSizes> {
  const perByte = (result: CompressorResult): CompressorResult =>
    typeof result === 'number' ? (result * 8) / validation.length : result;
  if (validation.length === 0) {
    const nothing = { missing: 'there are no validation bytes' };
    return { gzip: nothing, bzip2: nothing, xz: nothing, zstd: nothing };
  }
  const alone = () => [validation];
  const sizes = {
    gzip: perByte(await gzipBytes(validation)),
    bzip2: perByte(await firstThatRuns('bzip2', BZIP2, alone)),
    xz: perByte(await firstThatRuns('xz', XZ, alone)),
    zstd: perByte(await zstdBytes(validation)),
  };
  if (train === undefined) return sizes;
  return { ...sizes, xzConditional: perByte(await conditionalXzBytes(validation, train)) };
}

type Pieces = () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Reads standard input into a compressor object of Python's. */
const python = (name: string, module: string, compressor: string): Command => ({
  name,
  tool: 'python3',
  args: [
    '-c',
    `import sys, ${module}
c = ${compressor}
for piece in iter(lambda: sys.stdin.buffer.read(1 << 20), b''): sys.stdout.buffer.write(c.compress(piece))
sys.stdout.buffer.write(c.flush())`,
  ],
});

const BZIP2: readonly Command[] = [
  { name: 'bzip2', tool: 'bzip2', args: ['-9', '-c'] },
  python("Python's bz2", 'bz2', 'bz2.BZ2Compressor(9)'),
];

// One thread: more of them split the input into blocks, which makes the output larger.
const XZ: readonly Command[] = [
  { name: 'xz', tool: 'xz', args: ['-9e', '-T1', '-c'] },
  python("Python's lzma", 'lzma', 'lzma.LZMACompressor(preset=9 | lzma.PRESET_EXTREME)'),
];

/** Node's zlib is tuned for speed and gives other sizes than the tool, so it only stands in where that is missing. */
async function gzipBytes(bytes: Uint8Array): Promise<number> {
  const result = await firstThatRuns('gzip', [{ name: 'gzip', tool: 'gzip', args: ['-9', '-c'] }], () => [bytes]);
  return typeof result === 'number' ? result : (await promisify(zlib.gzip)(bytes, { level: 9 })).length;
}

/** Newer releases of Node bring zstd; its types here do not know it yet. */
interface ZstdInNode {
  readonly zstdCompress?: (
    bytes: Uint8Array,
    options: { params: Record<number, number>; pledgedSrcSize: number },
    done: (error: Error | null, result: Uint8Array) => void,
  ) => void;
  readonly constants: { readonly ZSTD_c_compressionLevel?: number };
}

async function zstdBytes(bytes: Uint8Array): Promise<CompressorResult> {
  // The size is told because zstd chooses its tables by it, as it does for a file.
  const args = ['-19', '-c', '-q', '--single-thread', `--stream-size=${bytes.length}`];
  const result = await firstThatRuns('zstd', [{ name: 'zstd', tool: 'zstd', args }], () => [bytes]);
  const { zstdCompress, constants } = zlib as unknown as ZstdInNode;
  if (typeof result === 'number' || !zstdCompress || constants.ZSTD_c_compressionLevel === undefined) return result;
  const options = { params: { [constants.ZSTD_c_compressionLevel]: 19 }, pledgedSrcSize: bytes.length };
  return (await promisify(zstdCompress)(bytes, options)).length;
}

async function conditionalXzBytes(validation: Uint8Array, train: ByteSource): Promise<CompressorResult> {
  const trainPieces: Pieces = typeof train === 'function' ? train : () => [train];
  const all = await firstThatRuns('xz', XZ, async function* () {
    yield* trainPieces();
    yield validation;
  });
  if (typeof all !== 'number') return all;
  const trainAlone = await firstThatRuns('xz', XZ, trainPieces);
  return typeof trainAlone === 'number' ? all - trainAlone : trainAlone;
}

async function firstThatRuns(what: string, commands: readonly Command[], pieces: Pieces): Promise<CompressorResult> {
  const failures: string[] = [];
  for (const command of commands) {
    const result = await outputBytes(command, pieces());
    if ('bytes' in result) return result.bytes;
    if (result.failure !== undefined) failures.push(`${command.name} failed: ${result.failure}`);
  }
  return { missing: failures.length > 0 ? failures.join('; ') : `${what} is not installed` };
}

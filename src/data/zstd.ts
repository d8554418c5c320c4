import { Decompress } from 'fzstd';
import { type PieceReader, pieceReader } from './piece-reader.js';
import { createXxh64 } from './xxh64.js';

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const RLE_BLOCK = 1;

/** What `zstd` itself accepts without `--long`; a damaged header may ask for any amount of memory. */
const LARGEST_WINDOW = 128 * 2 ** 20;

/**
 * Decompresses zstd frames (RFC 8878) one block, at most 128 KiB, at a time. fzstd does the decoding; the frames are
 * walked here because it ignores content sizes and checksums, and a flipped bit would pass as wrong text.
 *
 * @throws Error that says what is wrong; the caller knows the file.
 */
export async function* decompressZstd(compressed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = pieceReader(compressed);
  let start = await reader.takeSome(4);
  if (start.length === 0) throw new Error('the file is empty');
  for (; start.length > 0; start = await reader.takeSome(4)) {
    if (start.length < 4) throw new Error('it ends inside a frame');
    const magic = start.readUInt32LE();
    if (magic === FRAME_MAGIC) yield* decompressFrame(start, reader);
    else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      let left = (await reader.take(4)).readUInt32LE();
      while (left > 0) left -= (await reader.take(Math.min(left, 1 << 16))).length;
    } else throw new Error('a zstd frame is expected');
  }
}

async function* decompressFrame(magic: Buffer, reader: PieceReader): AsyncGenerator<Uint8Array> {
  const header = await readHeader(reader);
  let blocks: Uint8Array[] = [];
  const decoder = new Decompress((block) => blocks.push(block));
  const hash = createXxh64();
  let size = 0n;
  decoder.push(Buffer.concat([magic, header.bytes]));
  for (let last = false; !last; ) {
    const head = await reader.take(3);
    const value = head.readUIntLE(0, 3);
    last = (value & 1) === 1;
    const body = await reader.take(((value >> 1) & 3) === RLE_BLOCK ? 1 : value >> 3);
    const checksum = last && header.hasChecksum ? await reader.take(4) : Buffer.alloc(0);
    decoder.push(Buffer.concat([head, body, checksum]), last);
    for (const block of blocks) {
      size += BigInt(block.length);
      if (header.hasChecksum) hash.update(block);
      if (block.length > 0) yield block;
    }
    blocks = [];
    if (checksum.length > 0 && checksum.readUInt32LE() !== Number(hash.digest() & 0xffff_ffffn)) {
      throw new Error('the checksum does not match');
    }
  }
  if (header.contentSize !== undefined && header.contentSize !== size) {
    throw new Error(`the frame promises ${header.contentSize} bytes and holds ${size}`);
  }
}

interface FrameHeader {
  /** All of the header after the magic number. */
  readonly bytes: Buffer;
  readonly hasChecksum: boolean;
  readonly contentSize: bigint | undefined;
}

async function readHeader(reader: PieceReader): Promise<FrameHeader> {
  const first = await reader.take(1);
  const descriptor = first.readUInt8();
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeCode = descriptor >> 6;
  const sizeBytes = sizeCode === 0 ? Number(isSingleSegment) : 2 ** sizeCode;
  const window = await reader.take(isSingleSegment ? 0 : 1);
  const dictionary = await reader.take([0, 1, 2, 4][descriptor & 3]!);
  const sizeField = await reader.take(sizeBytes);
  const contentSize = littleEndian(sizeField) + (sizeBytes === 2 ? 256n : 0n);
  if (dictionary.some((byte) => byte !== 0)) throw new Error('it needs a dictionary, which is not supported');
  const windowSize = isSingleSegment ? Number(contentSize) : windowBytes(window.readUInt8());
  if (windowSize > LARGEST_WINDOW) throw new Error('it asks for a window of more than 128 MiB');
  return {
    bytes: Buffer.concat([first, window, dictionary, sizeField]),
    hasChecksum: (descriptor & 4) !== 0,
    contentSize: sizeBytes > 0 ? contentSize : undefined,
  };
}

const windowBytes = (descriptor: number): number => 2 ** (10 + (descriptor >> 3)) * (1 + (descriptor & 7) / 8);

const littleEndian = (bytes: Buffer): bigint => bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);

import { crc32c } from '../../core/crc32c.js';
import { NonetError } from '../../core/errors.js';
import { type PieceReader, pieceReader } from '../piece-reader.js';

/** What a record costs besides its bytes: length (8 bytes), its checksum (4), the checksum of the bytes (4). */
const HEADER_BYTES = 12;
const FOOTER_BYTES = 4;

/** A length that passes its checksum and is still no record that anyone wrote; memory for it is not asked for. */
const LARGEST_RECORD = 2 ** 31 - 1;

/** Checksums are stored turned and moved, so that those of data that holds checksums stay sound. */
const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;

/** How to go on without a record that cannot be read, in a recipe and on the command line that writes records. */
export const skipAdvice = 'leave such records out (data.damaged=skip, or --damaged skip of nonet tfrecord)';

export interface FrameOptions {
  /** For messages only. */
  readonly path: string;
  /**
   * Called for a damaged record, which is then left out; without it the first one is an error. Where a length cannot be
   * trusted or the file ends too early, everything from there on is left out.
   */
  readonly onDamaged?: (what: string) => void;
}

export interface Frame {
  readonly record: Uint8Array;
  /** From 1. */
  readonly number: number;
}

/**
 * The records of a TFRecord file, in order: each is its length, the length's checksum, its bytes and their checksum.
 *
 * @throws NonetError `E_DATA` with the number of the record and where it begins, when one is damaged.
 */
export async function* readFrames(bytes: AsyncIterable<Uint8Array>, options: FrameOptions): AsyncGenerator<Frame> {
  const reader = pieceReader(bytes);
  try {
    yield* framesOf(reader, options);
  } finally {
    await reader.close();
  }
}

async function* framesOf(reader: PieceReader, { path, onDamaged }: FrameOptions): AsyncGenerator<Frame> {
  let offset = 0;
  for (let number = 1; ; number++) {
    const header = await reader.takeSome(HEADER_BYTES);
    if (header.length === 0) return;
    const complain = (what: string): void => {
      const message = `${path}, record ${number} at byte ${offset}: ${what}`;
      if (!onDamaged) {
        throw new NonetError('E_DATA', `${message}. Write the file anew, or ${skipAdvice}.`, {
          path,
          record: number,
          offset,
        });
      }
      onDamaged(message);
    };
    if (header.length < HEADER_BYTES) return complain('the file ends inside its length');
    if (header.readUInt32LE(8) !== masked(crc32c(header.subarray(0, 8)))) {
      return complain('the checksum of its length does not match, so nothing from here on can be read');
    }
    const length = header.readBigUInt64LE();
    if (length > LARGEST_RECORD) return complain(`its length is ${length} bytes; 2 GiB are the most that is read`);
    const body = await reader.takeSome(Number(length) + FOOTER_BYTES);
    if (body.length < Number(length) + FOOTER_BYTES) return complain('the file ends inside it');
    const record = body.subarray(0, Number(length));
    if (body.readUInt32LE(Number(length)) === masked(crc32c(record))) yield { record, number };
    else complain('the checksum of its bytes does not match');
    offset += HEADER_BYTES + body.length;
  }
}

/** A record as it stands in a TFRecord file. */
export const frameOf = (record: Uint8Array): Uint8Array => {
  const frame = Buffer.alloc(HEADER_BYTES + record.length + FOOTER_BYTES);
  frame.writeBigUInt64LE(BigInt(record.length));
  frame.writeUInt32LE(masked(crc32c(frame.subarray(0, 8))), 8);
  frame.set(record, HEADER_BYTES);
  frame.writeUInt32LE(masked(crc32c(record)), HEADER_BYTES + record.length);
  return frame;
};

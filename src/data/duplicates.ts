import type { ByteStore } from './byte-store.js';

/** Bytes of a block: long enough that ordinary prose never repeats one by chance. */
const BLOCK_BYTES = 256;

/** Blocks looked for, 64 MiB of them: the index stays small whatever the size of the data. */
const MOST_BLOCKS = 1 << 18;

const PIECE_BYTES = 1 << 20;

/** Base of the polynomial hash; odd, so that no byte's weight vanishes modulo 2^32. */
const BASE = 0x01000193;

/** Base of a second hash of windows that have the first one: comparing bytes may read from disk. */
const OTHER_BASE = 0x9e3779b1;

export interface Duplicates {
  readonly blockBytes: number;
  /** Blocks of the validation part that were looked for. */
  readonly blocks: number;
  /** Those that also stand somewhere in the training part. */
  readonly found: number;
}

/**
 * Looks for blocks of 256 validation bytes anywhere in the training bytes: a rolling hash (Karp and Rabin 1987) over
 * every position of the training part, each hit confirmed byte by byte. A repeat of 511 bytes is always seen, unless there
 * are more than `most` blocks: then so many are looked for, evenly spread. The event loop is let in once per MiB.
 */
export async function findDuplicates(
  training: ByteStore,
  validation: ByteStore,
  most = MOST_BLOCKS,
): Promise<Duplicates> {
  const index = indexBlocks(validation, most);
  if (index.blocks === 0) return { blockBytes: BLOCK_BYTES, blocks: 0, found: 0 };
  // What a byte adds that leaves the window: its weight once the whole window has passed over it.
  let leaving = 1;
  for (let power = 0; power < BLOCK_BYTES; power++) leaving = Math.imul(leaving, BASE);

  let found = 0;
  let hash = 0;
  let held = new Uint8Array(0);
  for (let start = 0; start < training.length; start += PIECE_BYTES) {
    const piece = training.read(start, Math.min(PIECE_BYTES, training.length - start));
    const bytes = new Uint8Array(held.length + piece.length);
    bytes.set(held);
    bytes.set(piece, held.length);
    for (let at = held.length; at < bytes.length; at++) {
      hash = (Math.imul(hash, BASE) + bytes[at]!) | 0;
      if (at >= BLOCK_BYTES) hash = (hash - Math.imul(bytes[at - BLOCK_BYTES]!, leaving)) | 0;
      if (at >= BLOCK_BYTES - 1) found += index.take(hash, bytes, at + 1 - BLOCK_BYTES);
    }
    // The byte before the window stays too: it leaves the hash with the next piece's first byte.
    held = bytes.slice(Math.max(0, bytes.length - BLOCK_BYTES));
    await new Promise((resume) => setImmediate(resume));
  }
  return { blockBytes: BLOCK_BYTES, blocks: index.blocks, found };
}

interface BlockIndex {
  readonly blocks: number;
  /** How many blocks not yet taken equal the window at `start`; they count as taken from then on. */
  take(hash: number, bytes: Uint8Array, start: number): number;
}

/** An open-addressing table from the hash of a block to where it stands; equal blocks share an entry. */
function indexBlocks(validation: ByteStore, most: number): BlockIndex {
  const whole = Math.floor(validation.length / BLOCK_BYTES);
  const blocks = Math.min(whole, most);
  const bits = Math.max(4, Math.ceil(Math.log2(blocks + 1)) + 1);
  const hashes = new Int32Array(2 ** bits);
  // 1 + the number of the entry's first block among those looked for; 0 for an empty slot.
  const owners = new Uint32Array(2 ** bits);
  const counts = new Uint32Array(2 ** bits);
  const otherHashes = new Int32Array(2 ** bits);
  // A bit for each of 8 times as many places as slots: almost all positions end here, and it stays in a cache.
  const filter = new Uint32Array(2 ** (bits - 2));
  const placeOf = (hash: number): number => Math.imul(hash, 0x9e3779b1) >>> (29 - bits);
  const slotOf = (hash: number): number => placeOf(hash) >>> 3;
  const blockOf = (block: number): Uint8Array =>
    validation.read(Math.floor((block * whole) / blocks) * BLOCK_BYTES, BLOCK_BYTES);
  const blockAt = (owner: number): Uint8Array => blockOf(owner - 1);

  const after = (slot: number): number => (slot + 1) & (hashes.length - 1);

  for (let block = 0; block < blocks; block++) {
    const bytes = blockOf(block);
    const hash = hashOf(bytes, 0, BASE);
    let slot = slotOf(hash);
    while (owners[slot] !== 0 && !(hashes[slot] === hash && sameBlock(blockAt(owners[slot]!), bytes, 0))) {
      slot = after(slot);
    }
    hashes[slot] = hash;
    const place = placeOf(hash);
    filter[place >>> 5]! |= 1 << (place & 31);
    otherHashes[slot] = hashOf(bytes, 0, OTHER_BASE);
    if (owners[slot] === 0) owners[slot] = block + 1;
    counts[slot] = counts[slot]! + 1;
  }

  return {
    blocks,
    take(hash, bytes, start) {
      const place = placeOf(hash);
      if (((filter[place >>> 5]! >>> (place & 31)) & 1) === 0) return 0;
      for (let slot = slotOf(hash); owners[slot] !== 0; slot = after(slot)) {
        const count = counts[slot]!;
        if (hashes[slot] !== hash) continue;
        // Taken already: not compared again, or a long run of one byte would cost a comparison per position.
        if (count === 0) return 0;
        if (otherHashes[slot] !== hashOf(bytes, start, OTHER_BASE)) continue;
        if (!sameBlock(blockAt(owners[slot]!), bytes, start)) continue;
        counts[slot] = 0;
        return count;
      }
      return 0;
    },
  };
}

/** Of the block that begins at `start`. */
function hashOf(bytes: Uint8Array, start: number, base: number): number {
  let hash = 0;
  for (let at = start; at < start + BLOCK_BYTES; at++) hash = (Math.imul(hash, base) + bytes[at]!) | 0;
  return hash;
}

function sameBlock(block: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let at = 0; at < block.length; at++) {
    if (block[at] !== bytes[start + at]) return false;
  }
  return true;
}

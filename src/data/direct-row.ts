import { runLengthEncode } from '../codec/index.js';
import type { ByteStore } from './byte-store.js';
import { memoryStore } from './byte-store.js';
import { createPatchReader, type PatchLayout } from './patch-reader.js';

/**
 * A reader of direct rows: `read(bitOffset, count, out, outOffset)` writes the first `count` patches of the run-length code of
 * the data from a bit on. The bits that are coded are those which a plain row shows, parity included; the code's bytes become
 * patches as bytes of data do, with parity bits of their own. Where the data ends it goes on at its beginning.
 */
export const createDirectReader = (store: ByteStore, layout: PatchLayout) => {
  const { bitsPerPatch } = layout;
  const bits = createPatchReader(store, { ...layout, bitsPerPatch: 1 });

  /** `count` bits of the data taken as a ring. */
  const ring = (from: number, count: number): Uint8Array => {
    const out = new Int32Array(count);
    for (let done = 0; done < count; ) {
      const at = (from + done) % bits.totalBits;
      const piece = Math.min(count - done, bits.totalBits - at);
      bits.read(at, piece, out, done);
      done += piece;
    }
    return Uint8Array.from(out);
  };

  /** The first `bytes` bytes of the code. */
  const codeFrom = (from: number, bytes: number): Uint8Array => {
    for (let count = 2 * bytes; ; count *= 2) {
      const code = runLengthEncode(ring(from, count));
      // The last pair is not whole where more of the data would make its run longer.
      if (code.length - 2 >= bytes) return code.subarray(0, bytes);
    }
  };

  return {
    read(bitOffset: number, count: number, out: Int32Array, outOffset: number): void {
      const code = codeFrom(bitOffset, Math.ceil((count * bitsPerPatch) / bits.frameBits));
      createPatchReader(memoryStore(code), layout).read(0, count, out, outOffset);
    },
  };
};

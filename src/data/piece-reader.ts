/** Reads pieces of any size by the number of bytes that is wanted. */
export interface PieceReader {
  /** Exactly `length` bytes; throws where the input ends before. */
  take(length: number): Promise<Buffer>;
  /** Up to `length` bytes; fewer only at the end of the input. */
  takeSome(length: number): Promise<Buffer>;
  /** Tells the input that no more of it is wanted. */
  close(): Promise<void>;
}

export function pieceReader(input: AsyncIterable<Uint8Array>): PieceReader {
  const pieces = input[Symbol.asyncIterator]();
  let buffered: Buffer = Buffer.alloc(0);
  const takeSome = async (length: number): Promise<Buffer> => {
    const more: Uint8Array[] = [];
    for (let have = buffered.length; have < length; ) {
      const next = await pieces.next();
      if (next.done) break;
      more.push(next.value);
      have += next.value.length;
    }
    if (more.length > 0) buffered = Buffer.concat([buffered, ...more]);
    const taken = buffered.subarray(0, length);
    buffered = buffered.subarray(taken.length);
    return taken;
  };
  return {
    takeSome,
    async take(length) {
      const taken = await takeSome(length);
      if (taken.length < length) throw new Error('it ends inside a frame');
      return taken;
    },
    async close() {
      await pieces.return?.();
    },
  };
}

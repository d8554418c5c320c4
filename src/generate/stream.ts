import { utf8Allowed, utf8Next } from '../codec/index.js';

/** How many bytes from `start` up to, without, `end` are whole characters of a valid UTF-8 text. */
export const wholeCharacters = (bytes: ArrayLike<number>, start: number, end: number): number => {
  let state = 0;
  let whole = 0;
  for (let at = start; at < end; at++) {
    const entry = state * 256 + bytes[at]!;
    if (utf8Allowed[entry] === 0) break;
    state = utf8Next[entry]!;
    if (state === 0) whole = at + 1 - start;
  }
  return whole;
};

/** Bytes of one text on their way out: each is handed on once, in order, with `utf8` only in whole characters. */
export class ByteStream {
  private readonly bytes: number[] = [];
  private sent = 0;

  constructor(
    private readonly send: (bytes: Uint8Array) => void,
    private readonly utf8: boolean,
  ) {}

  push(byte: number): void {
    this.bytes.push(byte);
  }

  /** Takes back the last bytes, which must not have been sent. */
  drop(count: number): void {
    this.bytes.length -= count;
  }

  /** Sends what is there but the last `held` bytes. */
  flush(held: number): void {
    const ready = this.bytes.length - held;
    const end = this.utf8 ? this.sent + wholeCharacters(this.bytes, this.sent, ready) : ready;
    if (end <= this.sent) return;
    this.send(Uint8Array.from(this.bytes.slice(this.sent, end)));
    this.sent = end;
  }

  /** Everything that was sent. */
  get result(): Uint8Array {
    return Uint8Array.from(this.bytes.slice(0, this.sent));
  }
}

/** Watches the bytes of one text for the first stop string that is complete. */
export class StopFinder {
  /** Longest first: of two that end at the same byte, the one that began earlier counts. */
  private readonly stops: readonly Uint8Array[];
  private readonly longest: number;
  /** The last bytes, as many as a stop may take. */
  private tail: number[] = [];

  constructor(stops: readonly Uint8Array[]) {
    this.stops = [...stops].sort((a, b) => b.length - a.length);
    this.longest = this.stops[0]?.length ?? 0;
  }

  /** Takes the next byte and returns the stop that it completes, if any. */
  push(byte: number): Uint8Array | undefined {
    this.tail.push(byte);
    if (this.tail.length > this.longest) this.tail.shift();
    return this.stops.find((stop) => this.endsWith(stop, stop.length));
  }

  /** How many of the last bytes may turn out to be the beginning of a stop. */
  get held(): number {
    for (let count = Math.min(this.tail.length, this.longest - 1); count > 0; count--) {
      if (this.stops.some((stop) => count < stop.length && this.endsWith(stop, count))) return count;
    }
    return 0;
  }

  /** Whether the last `count` bytes are the first `count` of the stop. */
  private endsWith(stop: Uint8Array, count: number): boolean {
    const from = this.tail.length - count;
    if (from < 0) return false;
    for (let i = 0; i < count; i++) if (this.tail[from + i] !== stop[i]) return false;
    return true;
  }
}

/**
 * XXH64 with seed 0, the checksum of zstd frames (Collet, xxHash specification). The loop over 32-byte stripes works on
 * 32-bit halves because BigInt would be slower than the decompression that it guards; the few bytes left over and the
 * final mix, once per frame, use BigInt for clarity.
 */

const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;

const P1_HIGH = 0x9e3779b1;
const P1_LOW = 0x85ebca87;
const P2_HIGH = 0xc2b2ae3d;
const P2_LOW = 0x27d4eb4f;

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);
const rotate = (value: bigint, by: bigint): bigint => wrap(value << by) | (value >> (64n - by));
const round = (lane: bigint, input: bigint): bigint => wrap(rotate(wrap(lane + input * P2), 31n) * P1);

const STRIPE = 32;

export interface Hash64 {
  update(bytes: Uint8Array): void;
  /** The hash of everything given so far. */
  digest(): bigint;
}

export function createXxh64(): Hash64 {
  // Four lanes as [high, low] halves.
  const lanes = new Uint32Array(8);
  [P1 + P2, P2, 0n, -P1].forEach((start, lane) => {
    lanes[2 * lane] = Number(wrap(start) >> 32n);
    lanes[2 * lane + 1] = Number(wrap(start) & 0xffff_ffffn);
  });
  const rest = new Uint8Array(STRIPE);
  let restLength = 0;
  let total = 0;

  return {
    update(bytes) {
      total += bytes.length;
      let start = 0;
      if (restLength > 0) {
        start = Math.min(STRIPE - restLength, bytes.length);
        rest.set(bytes.subarray(0, start), restLength);
        restLength += start;
        if (restLength < STRIPE) return;
        absorbStripes(lanes, rest, 0, STRIPE);
        restLength = 0;
      }
      const end = bytes.length - ((bytes.length - start) % STRIPE);
      absorbStripes(lanes, bytes, start, end);
      rest.set(bytes.subarray(end));
      restLength = bytes.length - end;
    },
    digest: () => finish(lanes, rest.subarray(0, restLength), total),
  };
}

/** Mixes the whole stripes of `bytes[start, end)` into the lanes, in place. */
function absorbStripes(lanes: Uint32Array, bytes: Uint8Array, start: number, end: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = start; at < end; at += STRIPE) {
    for (let lane = 0; lane < 4; lane++) {
      const low = view.getUint32(at + 8 * lane, true);
      const high = view.getUint32(at + 8 * lane + 4, true);
      // lane += input * P2
      const addLow = Math.imul(low, P2_LOW) >>> 0;
      const addHigh = (multiplyHigh(low, P2_LOW) + Math.imul(low, P2_HIGH) + Math.imul(high, P2_LOW)) | 0;
      const sumLow = lanes[2 * lane + 1]! + addLow;
      const sumHigh = (lanes[2 * lane]! + addHigh + (sumLow > 0xffff_ffff ? 1 : 0)) | 0;
      // rotate left by 31, then * P1
      const turnedHigh = (sumHigh << 31) | ((sumLow >>> 0) >>> 1);
      const turnedLow = ((sumLow << 31) | (sumHigh >>> 1)) >>> 0;
      lanes[2 * lane + 1] = Math.imul(turnedLow, P1_LOW);
      lanes[2 * lane] = multiplyHigh(turnedLow, P1_LOW) + Math.imul(turnedLow, P1_HIGH) + Math.imul(turnedHigh, P1_LOW);
    }
  }
}

/** The upper 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (cross >>> 16)) | 0;
}

function finish(lanes: Uint32Array, rest: Uint8Array, total: number): bigint {
  let hash = P5;
  if (total >= STRIPE) {
    const full = [0, 1, 2, 3].map((lane) => (BigInt(lanes[2 * lane]!) << 32n) | BigInt(lanes[2 * lane + 1]!));
    hash = wrap(full.reduce((sum, lane, index) => sum + rotate(lane, [1n, 7n, 12n, 18n][index]!), 0n));
    for (const lane of full) hash = wrap((hash ^ round(0n, lane)) * P1 + P4);
  }
  hash = wrap(hash + BigInt(total));

  const view = new DataView(rest.buffer, rest.byteOffset, rest.byteLength);
  let at = 0;
  for (; at + 8 <= rest.length; at += 8) {
    hash = wrap(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4);
  }
  if (at + 4 <= rest.length) {
    hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint32(at, true)) * P1), 23n) * P2 + P3);
    at += 4;
  }
  for (; at < rest.length; at++) hash = wrap(rotate(hash ^ wrap(BigInt(rest[at]!) * P5), 11n) * P1);

  hash = wrap((hash ^ (hash >> 33n)) * P2);
  hash = wrap((hash ^ (hash >> 29n)) * P3);
  return hash ^ (hash >> 32n);
}

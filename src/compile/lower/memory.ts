import type { Buffer } from './storage.js';

/** Cache lines, and the widest vector. */
const alignment = 64;

export const align = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

/**
 * Gives every arena buffer an offset such that buffers alive at the same time do not overlap; returns the arena's size.
 * Greedy by size: the largest first, each at the lowest gap that is free during its life. Without `reuse` every buffer
 * gets memory of its own.
 */
export const planMemory = (buffers: readonly Buffer[], reuse: boolean): number => {
  const live = buffers.filter((buffer) => buffer.last >= buffer.first && buffer.bytes > 0);
  // An empty value has no place of its own, yet calls name it.
  for (const buffer of buffers) if (buffer.bytes === 0) buffer.offset = 0;
  if (!reuse) {
    let end = 0;
    for (const buffer of live) {
      buffer.offset = end;
      end += align(buffer.bytes);
    }
    return end;
  }
  const placed: Buffer[] = [];
  let arenaBytes = 0;
  const order = live.map((buffer, index) => ({ buffer, index }));
  order.sort((a, b) => b.buffer.bytes - a.buffer.bytes || a.buffer.first - b.buffer.first || a.index - b.index);
  for (const { buffer } of order) {
    // `placed` is kept sorted by offset, so one pass finds the lowest gap.
    let offset = 0;
    for (const other of placed) {
      if (other.first > buffer.last || other.last < buffer.first) continue;
      if (other.offset >= offset + align(buffer.bytes)) break;
      offset = Math.max(offset, other.offset + align(other.bytes));
    }
    buffer.offset = offset;
    placed.splice(insertionIndex(placed, offset), 0, buffer);
    arenaBytes = Math.max(arenaBytes, offset + align(buffer.bytes));
  }
  return arenaBytes;
};

/** Bytes of the arena that must keep their contents at each instruction time. */
export const aliveBytes = (buffers: readonly Buffer[], times: number): Float64Array => {
  const change = new Float64Array(times + 1);
  for (const { bytes, first, last } of buffers) {
    if (last < first || first >= times) continue;
    change[Math.max(0, first)]! += align(bytes);
    change[Math.min(times, last + 1)]! -= align(bytes);
  }
  let sum = 0;
  return change.subarray(0, times).map((by) => (sum += by));
};

const insertionIndex = (placed: readonly Buffer[], offset: number): number => {
  let low = 0;
  let high = placed.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (placed[middle]!.offset <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
};

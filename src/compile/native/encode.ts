import type { Instruction } from '../lower/instruction.js';
import { kernels } from '../lower/instruction.js';
import type { Buffer } from '../lower/storage.js';

const magic = 0x4e4f4e4554n;
const version = 1;

export const segmentKinds = { arena: 0, state: 1, input: 2, output: 3, constant: 4 } as const;

export interface SegmentSpec {
  readonly kind: keyof typeof segmentKinds;
  readonly bytes: number;
  /** Bytes between repetitions of the program. */
  readonly stride: number;
}

/** The bytes of a program for the native core: 64-bit little-endian words, integers or float64. See docs/engine.md. */
export const encodeProgram = (segments: readonly SegmentSpec[], instructions: readonly Instruction[]): Uint8Array => {
  const words = new WordWriter();
  words.big(magic);
  words.integer(version);
  const totalAt = words.integer(0);
  words.integer(segments.length);
  words.integer(instructions.length);
  for (const { kind, bytes, stride } of segments) {
    words.integer(segmentKinds[kind]);
    words.integer(bytes);
    words.integer(stride);
  }
  for (const instruction of instructions) encodeInstruction(words, instruction);
  words.patch(totalAt, words.length);
  return words.bytes();
};

const encodeInstruction = (words: WordWriter, { kernel, operands, parameters, target }: Instruction): void => {
  words.integer(kernels[kernel]);
  words.integer(4 + 2 * operands.length + parameters.length);
  words.integer(operands.length);
  words.integer(parameters.length);
  for (const operand of operands) {
    words.integer(operand ? operand.buffer.segment : -1);
    words.integer(operand ? operand.buffer.offset + operand.offset : 0);
  }
  const values = target === undefined ? parameters : [...parameters.slice(0, -1), target];
  for (const value of values) {
    if (typeof value === 'number') words.integer(value);
    else words.float(value.float);
  }
};

/**
 * Fills every arena buffer with NaN before its first use and after its last, so that a read of dead memory shows. Used by
 * `NONET_POISON=1`. Calls that are attached to the one before stay together.
 */
export const withPoison = (instructions: readonly Instruction[], buffers: readonly Buffer[]): Instruction[] => {
  const dying = new Map<number, Buffer[]>();
  for (const buffer of buffers) {
    if (buffer.last < 0 || buffer.bytes === 0) continue;
    dying.set(buffer.last, [...(dying.get(buffer.last) ?? []), buffer]);
  }
  const moved = new Map<number, number>();
  // What lies there before is no value yet: zeros of a new arena, or what the call before has left.
  const bytes = Math.max(0, ...buffers.map((buffer) => (buffer.last < 0 ? 0 : buffer.offset + buffer.bytes)));
  const arena = { bytes, segment: 0, offset: 0, first: 0, last: 0, shared: true };
  const result: Instruction[] = [wipe(arena)];
  instructions.forEach((instruction, i) => {
    moved.set(i, result.length);
    result.push(instruction);
    const attachedNext = instruction.kernel === 'gemm' && instruction.parameters.at(-1) === 1;
    if (attachedNext) return;
    for (const buffer of dying.get(i) ?? []) {
      // A buffer that another one has taken over at this very time would be wiped with live contents.
      const taken = buffers.some(
        (other) => other !== buffer && other.first <= i && other.last > i && overlap(other, buffer),
      );
      if (taken) continue;
      result.push(wipe(buffer));
    }
  });
  moved.set(instructions.length, result.length);
  return result.map((instruction) =>
    instruction.target === undefined ? instruction : { ...instruction, target: moved.get(instruction.target)! },
  );
};

const wipe = (buffer: Buffer): Instruction => ({
  kernel: 'poison',
  operands: [{ buffer, offset: 0 }],
  parameters: [buffer.bytes],
  nodes: [],
});

const overlap = (a: Buffer, b: Buffer): boolean => a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;

class WordWriter {
  private view = new DataView(new ArrayBuffer(1 << 14));
  length = 0;

  integer(value: number): number {
    return this.big(BigInt(value));
  }

  big(value: bigint): number {
    this.grow();
    this.view.setBigInt64(this.length * 8, value, true);
    return this.length++;
  }

  float(value: number): void {
    this.grow();
    this.view.setFloat64(this.length++ * 8, value, true);
  }

  patch(index: number, value: number): void {
    this.view.setBigInt64(index * 8, BigInt(value), true);
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.view.buffer, 0, this.length * 8);
  }

  private grow(): void {
    if ((this.length + 1) * 8 <= this.view.byteLength) return;
    const bigger = new Uint8Array(this.view.byteLength * 2);
    bigger.set(new Uint8Array(this.view.buffer));
    this.view = new DataView(bigger.buffer);
  }
}

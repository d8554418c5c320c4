import type { Node, Tensor } from '../../tensor/graph.js';
import type { Buffer, View } from './storage.js';
import { byteOffset } from './storage.js';

/** Kernel ids of the native core. */
export const kernels = {
  gemm: 1,
  packWeights: 2,
  rowProgram: 3,
  attentionForward: 4,
  attentionBackward: 5,
  gatherRows: 6,
  scatterAddRows: 7,
  takeAlong: 8,
  putAlong: 9,
  copy: 10,
  fill: 11,
  updateRows: 12,
  sample: 13,
  skipIf: 14,
  guard: 15,
  checkFinite: 16,
  poison: 17,
  rotary: 18,
  gemmBf16: 19,
  decodeRunLength: 20,
  sortByGroup: 21,
  groupedGemm: 22,
  groupedOuter: 23,
  convolution: 24,
  convolutionGradient: 25,
  orthonormal: 26,
} as const;

export type KernelName = keyof typeof kernels;

export const dtypeCodes = { f32: 0, f64: 1, bf16: 2, i32: 3, u8: 4, bool: 5 } as const;

/** Place of an operand: a buffer and a byte offset in it. */
export interface Place {
  readonly buffer: Buffer;
  readonly offset: number;
}

export const placeOf = (view: View): Place => ({ buffer: view.buffer, offset: byteOffset(view) });

/** A float parameter; plain numbers are integers. */
export interface FloatParameter {
  readonly float: number;
}

export type Parameter = number | FloatParameter;

export const float = (value: number): FloatParameter => ({ float: value });

/** One kernel call; its position in the list is its time in the memory plan. */
export interface Instruction {
  readonly kernel: KernelName;
  readonly operands: readonly (Place | null)[];
  parameters: Parameter[];
  /** The nodes it computes, for messages, profiles and NaN reports. */
  readonly nodes: readonly Node[];
  /** Values that it writes, as far as they can be looked at afterwards. */
  readonly results?: readonly Tensor[];
  /** Jump target as an instruction index, for skipIf. */
  target?: number;
}

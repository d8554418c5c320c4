import { FRAME_BITS } from '../codec/index.js';
import { NonetError } from '../core/errors.js';

/** How the bytes of a model's data became patches. */
export interface FrameLayout {
  readonly bitsPerPatch: number;
  /** Whether every byte is followed by its even-parity bit. */
  readonly parity: boolean;
  /** Patches that one byte takes. */
  readonly patchesPerByte: number;
}

/** Patch sizes whose frames can only be bytes with parity. */
const onlyWithParity = [3, 9];

/** Whether a byte is a whole number of patches, so that a model can write bytes and not only predict them. */
export const writesBytes = (bitsPerPatch: number, parity: boolean): boolean =>
  Number.isInteger((parity ? FRAME_BITS : 8) / bitsPerPatch);

/**
 * The layout of a model's data; without `parity` it follows from the patch size (1 bit: no parity).
 *
 * @throws NonetError `E_PROMPT` where a byte is no whole number of patches, so that the model cannot write bytes.
 */
export const frameLayout = (bitsPerPatch: number, parity = onlyWithParity.includes(bitsPerPatch)): FrameLayout => {
  const frameBits = parity ? FRAME_BITS : 8;
  if (writesBytes(bitsPerPatch, parity)) return { bitsPerPatch, parity, patchesPerByte: frameBits / bitsPerPatch };
  const frame = `the ${frameBits} bits of a byte ${parity ? 'with parity' : 'without parity'}`;
  throw new NonetError(
    'E_PROMPT',
    `this model's patches of ${bitsPerPatch} bits do not divide ${frame}, so it cannot write bytes; ` +
      'generation works with bitsPerPatch 1, 2, 4 or 8, and with parity 1, 3 or 9',
    { bitsPerPatch, parity },
  );
};

/** 1 where a byte has an odd number of ones: the bit that makes the frame even. */
export const parityOf = (byte: number): number => {
  const nibble = byte ^ (byte >> 4);
  return (0x6996 >> (nibble & 15)) & 1;
};

/** The bits of a byte as the model sees them, as one number. */
export const frameOf = (byte: number, { parity }: FrameLayout): number =>
  parity ? (byte << 1) | parityOf(byte) : byte;

/** The byte of a frame, its parity bit left aside. */
export const byteOf = (frame: number, { parity }: FrameLayout): number => (parity ? frame >> 1 : frame);

/** Whether the frame's parity bit is wrong. */
export const hasWrongParity = (frame: number, { parity }: FrameLayout): boolean =>
  parity && parityOf(frame >> 1) !== (frame & 1);

/** Patch `index` of a frame, counted from the most significant bit. */
export const patchOf = (frame: number, index: number, { bitsPerPatch, patchesPerByte }: FrameLayout): number =>
  (frame >> (bitsPerPatch * (patchesPerByte - 1 - index))) & (2 ** bitsPerPatch - 1);

/**
 * Text to bits and back: frames of nine bits with even parity, what a flipped bit does to them, patches, run lengths.
 */
import {
  bitsToPatches,
  bitsToText,
  checkParity,
  enforceParity,
  NonetError,
  packBits,
  runLengthDecode,
  runLengthEncode,
  textToBits,
} from 'nonet';

const show = (bits: Uint8Array): string =>
  (
    Array.from(bits)
      .join('')
      .match(/.{1,9}/g) ?? []
  ).join(' ');

const bits = textToBits('Hié');
console.log(`frames:  ${show(bits)}`);
console.log(`patches: ${Array.from(bitsToPatches(bits, 9)).join(' ')}`);
console.log(`packed:  ${packBits(bits).bytes.length} bytes for ${bits.length} bits`);

const runs = runLengthEncode(bits);
console.log(`runs:    ${runs.length / 2}, back the same: ${show(runLengthDecode(runs)) === show(bits)}`);

// One wrong bit in the second frame is seen: its parity no longer fits.
const damaged = bits.slice();
damaged[12] = 1 - damaged[12]!;
console.log('damaged:', JSON.stringify(checkParity(damaged)));
try {
  bitsToText(damaged);
} catch (error) {
  if (!(error instanceof NonetError)) throw error;
  console.log(`${error.code}: ${error.message}`);
}

// Enforcing parity makes the frames valid again; which bit was wrong it cannot know.
const { bits: enforced, corrected } = enforceParity(damaged);
console.log(`corrected ${corrected}: ${JSON.stringify(bitsToText(enforced))}, was ${JSON.stringify(bitsToText(bits))}`);

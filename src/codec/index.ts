/** Text and bytes to bits and back. */
export { bitsToBytes, bytesToBits, type PackedBits, packBits, unpackBits } from './bits.js';
export {
  bitsToText,
  type CodecOptions,
  checkParity,
  type DecodeTextOptions,
  decodeBytes,
  encodeBytes,
  enforceParity,
  FRAME_BITS,
  type ParityReport,
  textToBits,
} from './parity.js';
export { bitsToPatches, MAX_BITS_PER_PATCH, patchesToBits } from './patches.js';
export { type CompressedRows, compressedRows, runLengthDecode, runLengthEncode } from './run-length.js';
export {
  adaptiveDecode,
  adaptiveEncode,
  deltaDecode,
  deltaEncode,
  hierarchicalDecode,
  hierarchicalEncode,
} from './run-length-variants.js';
export {
  decodeUtf8,
  encodeUtf8,
  firstInvalidUtf8,
  requireUtf8,
  utf8Allowed,
  utf8Next,
  utf8Remaining,
  utf8States,
} from './utf8.js';

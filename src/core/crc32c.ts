import { lazily } from './libraries.js';

/** The reflected Castagnoli polynomial. */
const POLYNOMIAL = 0x82f63b78;

/** Of a byte, and of the bytes before it: eight tables of 256, so that eight bytes are taken at a time ("slicing by 8"). */
const tables = lazily(() => {
  const table = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    table[byte] = value;
  }
  for (let at = 256; at < table.length; at++) table[at] = (table[at - 256]! >>> 8) ^ table[table[at - 256]! & 0xff]!;
  return table;
});

/** The CRC-32C of RFC 3720 (iSCSI), which TFRecord files carry; an unsigned 32-bit integer. */
export const crc32c = (bytes: Uint8Array): number => {
  const table = tables();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length - (bytes.length % 8);
  let crc = 0xffffffff;
  for (let at = 0; at < whole; at += 8) {
    const low = crc ^ view.getUint32(at, true);
    const high = view.getUint32(at + 4, true);
    crc =
      table[0x700 | (low & 0xff)]! ^
      table[0x600 | ((low >>> 8) & 0xff)]! ^
      table[0x500 | ((low >>> 16) & 0xff)]! ^
      table[0x400 | (low >>> 24)]! ^
      table[0x300 | (high & 0xff)]! ^
      table[0x200 | ((high >>> 8) & 0xff)]! ^
      table[0x100 | ((high >>> 16) & 0xff)]! ^
      table[high >>> 24]!;
  }
  for (let at = whole; at < bytes.length; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
};

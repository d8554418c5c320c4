import { table } from './table.js';

/**
 * Colours of the 256-colour palette from expected to surprising, and the bits from which each is used: a byte of random
 * text costs 8.
 */
const steps: readonly (readonly [fromBits: number, color: number])[] = [
  [0, 240],
  [0.5, 247],
  [1, 108],
  [2, 149],
  [3, 221],
  [4.5, 214],
  [6, 208],
  [8, 196],
];

/**
 * Text in which every byte has the colour of its surprise. A character of several bytes has the colour of its bytes' sum,
 * what is not valid UTF-8 shows as a replacement character each byte.
 *
 * @param surprise bits of each byte
 */
export const colouredSurprise = (bytes: Uint8Array, surprise: Float32Array): string => {
  let text = '';
  let color = -1;
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    let bits = 0;
    for (let i = at; i < at + length; i++) bits += surprise[i] ?? 0;
    const wanted = colorOf(bits);
    if (wanted !== color) text += `\x1b[38;5;${wanted}m`;
    color = wanted;
    text += shown(bytes.subarray(at, at + length));
    at += length;
  }
  return text === '' ? '' : `${text}\x1b[0m\n`;
};

/** What the colours stand for, in one line. */
export const surpriseLegend = (): string =>
  `bits: ${steps.map(([bits, color]) => `\x1b[38;5;${color}m${bits}+\x1b[0m`).join(' ')}\n`;

/** Rows of a table for pipes: position, byte, what it shows, its surprise in bits. */
export const surpriseTable = (bytes: Uint8Array, surprise: Float32Array): string =>
  table(
    [
      ['offset', 'byte', 'text', 'surprise'],
      ...Array.from(bytes, (byte, offset) => [
        String(offset),
        byte.toString(16).padStart(2, '0'),
        named(byte),
        (surprise[offset] ?? Number.NaN).toFixed(3),
      ]),
    ],
    ['right', 'left', 'left', 'right'],
  );

const colorOf = (bits: number): number => {
  let color = steps[0]?.[1] ?? 0;
  for (const [from, candidate] of steps) if (bits >= from) color = candidate;
  return color;
};

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes of the character at a position, 1 where there is no valid one. */
const characterLength = (bytes: Uint8Array, at: number): number => {
  const lead = bytes[at] ?? 0;
  const length = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
  return isText(bytes.subarray(at, at + length)) ? length : 1;
};

const isText = (bytes: Uint8Array): boolean => {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
};

/** A line feed is marked too, or its colour could not be seen. */
const shown = (bytes: Uint8Array): string => {
  if (bytes.length === 1 && bytes[0] === 0x0a) return '\u21b5\n';
  if (!isText(bytes)) return '\ufffd';
  return decoder.decode(bytes).replace(/[^\P{Cc}\t]/gu, '\ufffd');
};

/** An ASCII character as it is or as its escape; nothing for the bytes of other characters. */
const named = (byte: number): string => {
  if (byte === 0x20) return 'space';
  return byte < 0x7f
    ? JSON.stringify(String.fromCharCode(byte)).slice(1, -1).replace('\\"', '"').replace('\\\\', '\\')
    : '';
};

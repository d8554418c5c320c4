import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { terminalDecoder, terminalText } from './terminal-text.js';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('terminalText', () => {
  it('never lets a control character through that could steer the terminal', () => {
    expect(terminalText(encode('a\x1b[31mb\u009bc\rd\te\n'))).toBe('a\ufffd[31mb\ufffdc\ufffdd\te\n');
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(terminalText(bytes)).not.toMatch(/[^\P{Cc}\n\t]/u);
      }),
    );
  });
});

describe('terminalDecoder', () => {
  it('puts characters together that arrive in pieces', () => {
    const { push, end } = terminalDecoder();
    const bytes = encode('é€');
    expect([...bytes].map((byte) => push(Uint8Array.of(byte))).join('') + end()).toBe('é€');
  });

  it('shows a character that is cut off at the end', () => {
    const { push, end } = terminalDecoder();
    expect(push(Uint8Array.of(0x61, 0xc3)) + end()).toBe('a\ufffd');
  });
});

import { describe, expect, it } from 'vitest';
import { memoryIo } from '../test-support.js';
import { generatedJson, generatedWriter } from './generated.js';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('generatedWriter', () => {
  it('writes exactly the bytes of a single text to a pipe', () => {
    const { io, bytes } = memoryIo();
    const writer = generatedWriter(io, [encode('prompt')]);
    writer.push(0, Uint8Array.of(0, 0xff));
    writer.push(0, Uint8Array.of(0x1b));
    writer.finish();
    expect([...bytes()]).toEqual([0, 0xff, 0x1b]);
  });

  it('shows a terminal the prompt before the text and keeps harmful bytes from it', () => {
    const { io, out } = memoryIo({ terminal: true, env: { NO_COLOR: '1' } });
    const writer = generatedWriter(io, [encode('Call ')]);
    writer.push(0, encode('me\x1b'));
    writer.finish();
    expect(out()).toBe('Call me\ufffd\n');
  });

  it('keeps the texts of several prompts apart however they arrive', () => {
    const { io, out } = memoryIo();
    const writer = generatedWriter(io, [encode('a'), encode('b')]);
    writer.push(1, encode('x'));
    writer.push(0, encode('1'));
    writer.push(1, encode('y'));
    writer.finish();
    expect(out()).toBe('== 1: "a"\n1\n\n== 2: "b"\nxy\n');
  });
});

describe('generatedJson', () => {
  it('has the exact bytes beside the readable text', () => {
    const rows = [{ bytes: Uint8Array.of(0x61, 0xff), stopReason: 'stop', stop: 'b', parityErrors: 0 }];
    expect(generatedJson([encode('p')], { rows, bytesPerSecond: 5, slid: false })).toEqual({
      rows: [{ prompt: 'p', text: 'a\ufffd', hex: '61ff', stopReason: 'stop', stop: 'b', parityErrors: 0 }],
      bytesPerSecond: 5,
      slid: false,
    });
    expect(generatedJson([], { rows: [], bytesPerSecond: 5, slid: false, meanDepth: 1.5 })).toMatchObject({
      meanDepth: 1.5,
    });
  });
});

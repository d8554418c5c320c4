import { describe, expect, it } from 'vitest';
import { readSource } from './read-source.js';
import { resolveSources } from './sources.js';

const read = async (path: string): Promise<Buffer> => {
  const parts: Uint8Array[] = [];
  for (const source of await resolveSources(path)) for await (const part of readSource(source)) parts.push(part);
  return Buffer.concat(parts);
};

describe('debug:BYTES', () => {
  it.each([0, 1, 1000, 200_001])('gives %d bytes, the beginning of what more would be', async (bytes) => {
    const data = await read(`debug:${bytes}`);
    expect(data.length).toBe(bytes);
    expect(Buffer.compare(data, (await read('debug:300000')).subarray(0, bytes))).toBe(0);
  });

  it('is true sums', async () => {
    const lines = (await read('debug:5000')).toString().split('\n').slice(0, -1);
    expect(lines.length).toBeGreaterThan(200);
    for (const line of lines) {
      const [a, b, sum] = line.match(/\d+/g)!.map(Number);
      expect(a! + b!).toBe(sum);
    }
  });
});

import { spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { unitInterval } from '../core/random.js';
import { compressorSizes } from './compressors.js';

const random = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => Math.floor(unitInterval(1, 2, index) * 256));

const text = new TextEncoder().encode(
  Array.from({ length: 400 }, (_, line) => `line ${line}: the quick brown fox, ${line * line} times\n`).join(''),
);

const path = process.env.PATH;

afterEach(() => {
  process.env.PATH = path;
  delete process.env.XZ_OPT;
});

/** A machine may lack a tool; what it then says is tested apart. */
const numberOf = (result: unknown): number => {
  if (typeof result === 'number') return result;
  return Number.NaN;
};

describe('compressorSizes', () => {
  const byTool = (tool: string, ...args: string[]) => spawnSync(tool, args, { input: text });
  const tools = [
    ['gzip', '-9'],
    ['bzip2', '-9'],
    ['xz', '-9e'],
    ['zstd', '-19'],
  ] as const;

  it.each(tools.filter(([tool]) => byTool(tool, '--version').status === 0))(
    'gives bits per byte: %s is what the tool makes with %s',
    async (tool, level) => {
      const size = byTool(tool, level, '-c').stdout.length;
      // Told the size of its input, as for a file, zstd writes a header of other length.
      const slack = tool === 'zstd' ? 16 : 0;
      expect(Math.abs(numberOf((await compressorSizes(text))[tool]) - (size * 8) / text.length)).toBeLessThanOrEqual(
        slack / text.length,
      );
    },
  );

  it('has a figure of level 9 where gzip is not installed', async () => {
    process.env.PATH = '/nonexistent';
    const { gzip } = await compressorSizes(text);
    expect(gzip).toBe((gzipSync(text, { level: 9 }).length * 8) / text.length);
  });

  it('finds nothing to gain in random bytes and much in text', async () => {
    const [noise, prose] = [await compressorSizes(random(20_000)), await compressorSizes(text)];
    for (const name of ['gzip', 'bzip2', 'xz', 'zstd'] as const) {
      if (typeof prose[name] !== 'number') continue;
      expect(numberOf(noise[name]), name).toBeGreaterThan(7.99);
      expect(numberOf(noise[name]), name).toBeLessThan(8.2);
      expect(numberOf(prose[name]), name).toBeGreaterThan(0.3);
      expect(numberOf(prose[name]), name).toBeLessThan(3);
    }
  });

  it('charges for the validation bytes only what the training part did not tell', async () => {
    // The validation bytes stand word for word in the training part.
    const { xz, xzConditional } = await compressorSizes(text.subarray(2000, 12_000), text);
    if (typeof xz !== 'number') return;
    expect(numberOf(xzConditional)).toBeLessThan(xz / 5);
    expect(numberOf(xzConditional)).toBeGreaterThan(0);
  });

  it('reads the training part twice from a function, in pieces', async () => {
    let reads = 0;
    const pieces = async function* () {
      reads++;
      yield random(30_000);
      yield text;
    };
    const whole = Buffer.concat([random(30_000), text]);
    const { xz, xzConditional } = await compressorSizes(text, pieces);
    if (typeof xz !== 'number') return;
    expect(reads).toBe(2);
    expect(xzConditional).toBe((await compressorSizes(text, whole)).xzConditional);
  });

  it('passes on the failure of the source', async () => {
    const broken = function* () {
      yield text;
      throw new Error('the disk is gone');
    };
    await expect(compressorSizes(text, broken)).rejects.toThrow('the disk is gone');
  });

  it('takes no notice of the defaults that a user has set', async () => {
    const { xz } = await compressorSizes(text);
    process.env.XZ_OPT = '--format=lzma';
    expect((await compressorSizes(text)).xz).toEqual(xz);
  });

  it('says which tool is missing', async () => {
    process.env.PATH = '/nonexistent';
    const sizes = await compressorSizes(text, text);
    expect(sizes.gzip).toBeTypeOf('number');
    expect(sizes.bzip2).toEqual({ missing: 'bzip2 is not installed' });
    expect(sizes.xz).toEqual({ missing: 'xz is not installed' });
    expect(sizes.xzConditional).toEqual({ missing: 'xz is not installed' });
    if (!('zstdCompress' in (await import('node:zlib')))) {
      expect(sizes.zstd).toEqual({ missing: 'zstd is not installed' });
    }
  });

  it('has no figures for no bytes', async () => {
    expect((await compressorSizes(new Uint8Array())).gzip).toEqual({ missing: 'there are no validation bytes' });
  });
});

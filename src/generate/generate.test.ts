import { describe, expect, it } from 'vitest';
import { firstInvalidUtf8 } from '../codec/index.js';
import { HostArray } from '../compile/host-array.js';
import { NativeExecutor } from '../compile/native/executor.js';
import { State } from '../compile/state.js';
import { type Tree, treeMap } from '../tensor/index.js';
import { frameLayout, parityOf } from './frames.js';
import { createGenerator, generate } from './generate.js';
import { bytes, engine, greedy, reference, tiny } from './test-support.js';

const isArray = (value: unknown): value is HostArray => value instanceof HostArray;

describe.each([...new Set([reference.name, engine.name])])('generation on the %s executor', (name) => {
  const executor = name === 'reference' ? reference : engine;
  const flat = tiny({ bitsPerPatch: 8, contextLength: 32 }, executor);

  it('gives a text that depends on its seed and not on the batch', async () => {
    const prompts = [bytes('one'), bytes('a longer prompt'), bytes('one'), bytes('')];
    const together = await generate(flat.model, flat.state, { prompts, maxBytes: 12, seed: 7 });
    for (const [i, prompt] of prompts.entries()) {
      // The second copy of a prompt is another text, the one of the next seed.
      const seed = i === 2 ? 8 : 7;
      const alone = await generate(flat.model, flat.state, { prompts: [prompt], maxBytes: 12, seed });
      expect(alone.rows[0]).toEqual(together.rows[i]);
    }
    expect(together.rows[0]!.bytes).not.toEqual(together.rows[2]!.bytes);
  });

  it('gives the same text for any number of bytes in a call, also when the context slides', async () => {
    const { model, state } = tiny({ bitsPerPatch: 4, contextLength: 19 }, executor);
    const options = { prompts: [bytes('ab'), bytes('abcde')], maxBytes: 17, seed: 3 };
    const whole = await generate(model, state, options);
    expect(whole.slid).toBe(true);
    for (const bytesPerCall of [1, 3]) {
      expect((await generate(model, state, { ...options, bytesPerCall })).rows).toEqual(whole.rows);
    }
  });

  it.each([
    ['4 bits', { bitsPerPatch: 4 }, false],
    ['8 bits', { bitsPerPatch: 8 }, false],
    ['9 bits', { bitsPerPatch: 9 }, false],
    ['9 bits, parity drawn', { bitsPerPatch: 9 }, true],
    ['3 bits, parity drawn', { bitsPerPatch: 3 }, true],
    ['8 bits in chunks', { bitsPerPatch: 8, chunkSize: 2, overlap: 1 }, false],
    ['2 bits in chunks', { bitsPerPatch: 2, chunkSize: 6, overlap: 3 }, false],
  ] as const)('writes what the model finds most probable without a cache: %s', async (_, options, sampleParity) => {
    const made = tiny({ ...options, contextLength: 64 }, executor);
    const prompt = bytes('Be');
    const layout = frameLayout(options.bitsPerPatch);
    const expected = await greedy(made, layout, { prompt, count: 3, sampleParity });
    const parity = sampleParity ? 'sample' : 'construct';
    const result = await generate(made.model, made.state, { prompts: [prompt], maxBytes: 3, temperature: 0, parity });
    expect([...result.rows[0]!.bytes]).toEqual(expected.bytes);
    expect(result.rows[0]!.parityErrors).toBe(expected.parityErrors);
  });

  it('takes the most probable byte with top-k 1 and with the least top-p', async () => {
    const options = { prompts: [bytes('x'), bytes('yz')], maxBytes: 8 };
    const best = await generate(flat.model, flat.state, { ...options, temperature: 0 });
    for (const narrow of [{ topK: 1 }, { topP: 1e-6 }, { temperature: 1e-4 }]) {
      expect((await generate(flat.model, flat.state, { ...options, ...narrow, seed: 5 })).rows).toEqual(best.rows);
    }
    const free = await generate(flat.model, flat.state, { ...options, seed: 5 });
    expect(free.rows).not.toEqual(best.rows);
    // A bound of one times the greatest probability leaves that byte alone, one that keeps all changes nothing.
    const bound = { topAScale: 1, seed: 5 };
    expect((await generate(flat.model, flat.state, { ...options, ...bound })).rows).toEqual(best.rows);
    const spared = { ...bound, topK: 1, topP: 0.1, minProbability: 0 };
    expect((await generate(flat.model, flat.state, { ...options, ...spared })).rows).toEqual(free.rows);
  });

  it('draws through all filters what a text draws alone, in any batch and call', async () => {
    const filters = { temperature: 1.3, topP: 0.9, topK: 60, typicalMass: 0.8, minProbability: 0.02, topAScale: 0.1 };
    const prompts = [bytes('one'), bytes('a longer prompt'), bytes('')];
    const options = { ...filters, topAPower: 1.5, maxBytes: 12, seed: 7 };
    const together = await generate(flat.model, flat.state, { ...options, prompts });
    for (const [i, prompt] of prompts.entries()) {
      const alone = await generate(flat.model, flat.state, { ...options, prompts: [prompt], bytesPerCall: 5 });
      expect(alone.rows[0]).toEqual(together.rows[i]);
    }
    const free = await generate(flat.model, flat.state, { prompts, maxBytes: 12, seed: 7, temperature: 1.3 });
    expect(free.rows).not.toEqual(together.rows);
  });

  it.each([2, 8])('keeps the text valid UTF-8 whatever the weights, with patches of %i bits', async (bitsPerPatch) => {
    const { model, state } = tiny({ bitsPerPatch, contextLength: 96 }, executor);
    const pieces: Uint8Array[] = [];
    const result = await generate(model, state, {
      prompts: [bytes('ü'), bytes(''), bytes('€')],
      maxBytes: 23,
      utf8: true,
      seed: 1,
      onBytes: (_, piece) => pieces.push(piece),
    });
    for (const row of result.rows) expect(firstInvalidUtf8(row.bytes)).toBe(-1);
    expect(result.rows.some((row) => row.bytes.some((byte) => byte > 127))).toBe(true);
    for (const piece of pieces) expect(firstInvalidUtf8(piece)).toBe(-1);
    const raw = await generate(model, state, { prompts: [bytes('')], maxBytes: 23, seed: 1 });
    expect(firstInvalidUtf8(raw.rows[0]!.bytes)).not.toBe(-1);
  });

  it('goes on from the last half of the context when it is full, and says so once', async () => {
    const { model, state } = tiny({ bitsPerPatch: 8, contextLength: 8 }, executor);
    const notices: string[] = [];
    const prompts = [bytes('12345678')];
    const long = await generate(model, state, {
      prompts,
      maxBytes: 12,
      temperature: 0,
      onNotice: (t) => notices.push(t),
    });
    expect(long.slid).toBe(true);
    expect(notices).toEqual([expect.stringContaining('longer than the context')]);
    // The first byte still sees all eight; then four are left.
    const text = [...prompts[0]!, long.rows[0]!.bytes[0]!];
    const again = await generate(model, state, {
      prompts: [Uint8Array.from(text.slice(-4))],
      maxBytes: 5,
      temperature: 0,
    });
    expect(again.slid).toBe(false);
    expect([...again.rows[0]!.bytes]).toEqual([...long.rows[0]!.bytes.slice(1, 6)]);
  });

  it('lets the model see the end of a prompt that is too long', async () => {
    const { model, state } = tiny({ bitsPerPatch: 8, contextLength: 8 }, executor);
    const notices: string[] = [];
    const onNotice = (text: string): number => notices.push(text);
    const options = { maxBytes: 1, seed: 2 };
    const cut = await generate(model, state, { ...options, prompts: [bytes('abc12345678')], onNotice });
    const whole = await generate(model, state, { ...options, prompts: [bytes('12345678')] });
    expect(cut.rows).toEqual(whole.rows);
    expect(notices).toEqual(['a prompt is longer than the context: the model sees its last 8 bytes']);
  });

  it('starts an empty prompt behind a line break that it does not return', async () => {
    const options = { maxBytes: 6, seed: 9 };
    const empty = await generate(flat.model, flat.state, { ...options, prompts: [bytes('')] });
    const line = await generate(flat.model, flat.state, { ...options, prompts: [bytes('\n')] });
    expect(empty.rows).toEqual(line.rows);
  });

  it('counts the parity bits that the model gets wrong when it draws them', async () => {
    const { model, parameters } = tiny({ bitsPerPatch: 9, contextLength: 16 }, executor);
    // The node of the parity bit after each byte, the only ones that the parity depends on.
    const withCertainty = (sign: number): Tree<HostArray> =>
      treeMap<HostArray, HostArray>(parameters, isArray, (array, path) => {
        if (!/^head\b.*bias$/.test(path)) return array;
        const certain = array.data.map((value, node) =>
          node < 255 ? value : sign * (parityOf(node - 255) - 0.5) * 400,
        );
        return new HostArray(certain, array.shape, array.dtype);
      });
    const errors = async (sign: number, parity: 'construct' | 'sample') => {
      const state = State.create(executor, { parameters: withCertainty(sign) });
      const { rows } = await generate(model, state, { prompts: [bytes('a')], maxBytes: 9, parity });
      return rows[0]!.parityErrors;
    };
    expect(await errors(1, 'sample')).toBe(0);
    expect(await errors(-1, 'sample')).toBe(9);
    expect(await errors(-1, 'construct')).toBe(0);
  });
});

describe('generation', () => {
  const { model, state } = tiny({ bitsPerPatch: 8, contextLength: 64 });
  const options = { prompts: [bytes('a'), bytes('bc')], maxBytes: 40, seed: 11 };
  const filters = { topP: 0.95, typicalMass: 0.9, topAScale: 0.05 };

  it('ends a row where a stop appears, also across two calls, and leaves the others alone', async () => {
    const free = await generate(model, state, options);
    const stop = free.rows[0]!.bytes.slice(14, 18);
    const sent: number[][] = [[], []];
    const onBytes = (row: number, piece: Uint8Array): unknown => sent[row]!.push(...piece);
    const stopped = await generate(model, state, { ...options, stop: [stop, bytes('never appears')], onBytes });
    expect(stopped.rows[0]).toMatchObject({ bytes: free.rows[0]!.bytes.slice(0, 14), stopReason: 'stop' });
    expect(stopped.rows[1]).toEqual(free.rows[1]);
    expect(sent).toEqual(stopped.rows.map((row) => [...row.bytes]));
    const oneByOne = await generate(model, state, { ...options, stop: [stop], bytesPerCall: 1 });
    expect(oneByOne.rows).toEqual(stopped.rows);
  });

  it('gives stops as text', async () => {
    const { rows } = await generate(model, state, { ...options, utf8: true });
    const text = new TextDecoder().decode(rows[0]!.bytes);
    const stop = [...text][3]!;
    const stopped = await generate(model, state, { ...options, utf8: true, stop: [stop] });
    expect(stopped.rows[0]).toMatchObject({ stopReason: 'stop', stop });
  });

  it('ends all rows when it is told to, with what was made so far', async () => {
    const controller = new AbortController();
    const onBytes = (): void => controller.abort();
    const { signal } = controller;
    const { rows } = await generate(model, state, { ...options, signal, onBytes, bytesPerCall: 4 });
    expect(rows.map((row) => [row.bytes.length, row.stopReason])).toEqual([
      [4, 'aborted'],
      [4, 'aborted'],
    ]);
  });

  it('only reads the state, so one generator serves again and again', async () => {
    const generator = createGenerator(model);
    const before = state.read('parameters.embedding.weight');
    const first = await generator.generate(state, options);
    expect((await generator.generate(state, options)).rows).toEqual(first.rows);
    expect(state.read('parameters.embedding.weight')).toEqual(before);
    expect(first.bytesPerSecond).toBeGreaterThan(0);
  });

  it('writes single bits, with and without parity', async () => {
    const bits = tiny({ preset: 'classic', contextLength: 64 });
    for (const dataParity of [false, true]) {
      const prompt = bytes('hi');
      const expected = await greedy(bits, frameLayout(1, dataParity), { prompt, count: 2, sampleParity: dataParity });
      const parity = dataParity ? 'sample' : 'construct';
      const settings = { maxBytes: 2, temperature: 0, dataParity, parity } as const;
      const { rows } = await generate(bits.model, bits.state, { prompts: [prompt], ...settings });
      expect([...rows[0]!.bytes]).toEqual(expected.bytes);
      expect(rows[0]!.parityErrors).toBe(expected.parityErrors);
    }
  });

  it.skipIf(!(engine instanceof NativeExecutor))('gives the same text on 1, 2 and 3 threads', async () => {
    const { addon } = engine as NativeExecutor;
    const texts = [1, 2, 3].map(async (threads) => {
      const made = tiny({ bitsPerPatch: 2, contextLength: 64 }, new NativeExecutor(addon, threads));
      return (await generate(made.model, made.state, { ...options, ...filters, maxBytes: 20 })).rows;
    });
    const [one, ...others] = await Promise.all(texts);
    for (const other of others) expect(other).toEqual(one);
  });
});

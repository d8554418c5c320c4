import { describe, expect, it } from 'vitest';
import { defaultExecutor } from '../compile/default-executor.js';
import { State } from '../compile/state.js';
import type { BitTransformerOptions } from '../models/index.js';
import { BitTransformer } from '../models/index.js';
import { randomParameters } from '../nn/test-support.js';
import { generate } from './generate.js';
import { exactSlide } from './slide-program.js';

const size = { layers: 2, dModel: 32, heads: 2, feedForward: 48, chunkSize: 8, overlap: 5 } as const;
const prompts = ['whale', 'a'].map((text) => new TextEncoder().encode(text));

describe('a text that grows beyond the context of a model with chunks', () => {
  it.each<[string, BitTransformerOptions]>([
    ['bytes', { contextLength: 32 }],
    ['patches of 4 bits', { bitsPerPatch: 4, contextLength: 37 }],
    ['halting', { contextLength: 32, act: true, layers: 3 }],
    ['two streams, low-rank layers', { contextLength: 40, reversible: true, rank: 8 }],
  ])('is what one pass over all of it gives: %s', async (_, options) => {
    const model = new BitTransformer({ ...size, ...options });
    const longer = new BitTransformer({ ...size, ...options, contextLength: 400 });
    const state = State.create(defaultExecutor(), { parameters: randomParameters(model, 3, 0.3) });
    const write = { prompts, maxBytes: 100, temperature: 1, seed: 1, bytesPerCall: 7 };
    const notices: string[] = [];
    const short = await generate(model, state, { ...write, onNotice: (text) => notices.push(text) });
    const whole = await generate(longer, state, write);
    expect([short.slid, whole.slid]).toEqual([true, false]);
    expect(short.rows.map(({ bytes }) => [...bytes])).toEqual(whole.rows.map(({ bytes }) => [...bytes]));
    expect(new Set(short.rows[0]!.bytes).size).toBeGreaterThan(20);
    expect(notices).toEqual([]);
    state.free();
  });

  it('moves by whole chunks and bytes, and not where positions are added or all is seen', () => {
    const slide = (options: BitTransformerOptions, position: number, patchesPerByte = 1): number =>
      exactSlide(new BitTransformer({ ...size, contextLength: 64, ...options }), position, patchesPerByte);
    expect(slide({}, 32)).toBe(24);
    expect(slide({}, 31)).toBe(16);
    expect(slide({ chunkSize: 3 }, 32, 2)).toBe(24);
    expect(slide({}, 9)).toBe(0);
    expect(slide({ positions: 'sinusoidal' }, 32)).toBe(0);
    expect(slide({ chunkSize: 0 }, 32)).toBe(0);
  });
});

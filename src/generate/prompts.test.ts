import { describe, expect, it } from 'vitest';
import { resolveBitTransformer } from '../models/bit-transformer/config.js';
import { type GenerateOptions, planGeneration } from './prompts.js';
import { bytes } from './test-support.js';

const config = (bitsPerPatch: number, contextLength = 100) => resolveBitTransformer({ bitsPerPatch, contextLength });
const good: GenerateOptions = { prompts: [bytes('hello')], maxBytes: 10 };

describe('a plan of a generation', () => {
  it('counts the bytes that fit, for the next one to be made', () => {
    const capacity = (bits: number, length: number) => planGeneration(config(bits, length), good).capacity;
    expect(capacity(8, 100)).toBe(100);
    // 8 patches a byte: 11 bytes are 88 patches, the 7 of the next one that are fed end at 95; 12 would need 103.
    expect(capacity(1, 100)).toBe(11);
    expect(capacity(1, 95)).toBe(11);
    expect(capacity(1, 94)).toBe(10);
  });

  it.each<[string, Partial<GenerateOptions>, RegExp]>([
    ['no prompt', { prompts: [] }, /no prompts/],
    ['no bytes', { maxBytes: 0 }, /maxBytes is 0/],
    ['half a byte', { maxBytes: 2.5 }, /maxBytes is 2.5/],
    ['a negative temperature', { temperature: -0.1 }, /temperature is -0.1/],
    ['an infinite temperature', { temperature: Number.POSITIVE_INFINITY }, /temperature/],
    ['no number as temperature', { temperature: Number.NaN }, /temperature is NaN/],
    ['a negative top-k', { topK: -1 }, /topK is -1/],
    ['a broken top-k', { topK: 1.5 }, /topK is 1.5/],
    ['top-p 0', { topP: 0 }, /topP is 0/],
    ['top-p above 1', { topP: 1.01 }, /topP is 1.01/],
    ['typical mass 0', { typicalMass: 0 }, /typicalMass is 0; give a number above 0, at most 1/],
    ['no number as typical mass', { typicalMass: Number.NaN }, /typicalMass is NaN/],
    ['a min-probability above 1', { minProbability: 1.5 }, /minProbability is 1.5; give a number from 0 to 1/],
    ['a negative min-probability', { minProbability: -0.1 }, /minProbability is -0.1/],
    ['a negative bound of top-a', { topAScale: -1 }, /topAScale is -1/],
    ['an endless power of top-a', { topAPower: Number.POSITIVE_INFINITY }, /topAPower is Infinity/],
    ['a negative seed', { seed: -1 }, /seed is -1/],
    ['an empty stop', { stop: ['x', ''] }, /stop string is empty/],
    ['a call of no bytes', { bytesPerCall: 0 }, /bytesPerCall is 0/],
    ['a prompt that is no UTF-8', { utf8: true, prompts: [bytes('a'), Uint8Array.of(65, 255)] }, /prompt 2 .* byte 1/],
    ['sampled parity without parity bits', { parity: 'sample' }, /no parity bits/],
  ])('is refused for %s', (_, wrong, message) => {
    const plan = () => planGeneration(config(8), { ...good, ...wrong });
    expect(plan).toThrow(message);
    expect(plan).toThrow(expect.objectContaining({ code: 'E_PROMPT' }));
  });

  it('is refused for a context that a byte does not fit into', () => {
    expect(() => planGeneration(config(1, 14), good)).toThrow(/too short/);
    expect(planGeneration(config(1, 15), good).capacity).toBe(1);
  });
});

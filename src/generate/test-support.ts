/** What the tests of generation share. */

import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import type { Executor } from '../compile/executor.js';
import { ReferenceExecutor } from '../compile/reference/executor.js';
import { State } from '../compile/state.js';
import { BitTransformer, type BitTransformerOptions } from '../models/index.js';
import { bind } from '../nn/index.js';
import { i32, randomParameters } from '../nn/test-support.js';
import { slice, type Tensor, type Tree } from '../tensor/index.js';
import { byteOf, type FrameLayout, frameOf, hasWrongParity, patchOf } from './frames.js';

export const reference = new ReferenceExecutor();

/** The native engine where it is built. */
export const engine = defaultExecutor();

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A tiny model with random weights and what it takes to run it. */
export const tiny = (options: BitTransformerOptions, executor: Executor = engine, seed = 4) => {
  const model = new BitTransformer({ layers: 2, dModel: 16, heads: 2, feedForward: 24, ...options });
  const parameters = randomParameters(model, seed);
  return { model, parameters, state: State.create(executor, { parameters }) };
};

/**
 * What a model writes at temperature 0, found the long way: the costs of all frames after the whole text, computed
 * without a cache, for every byte.
 */
export const greedy = async (
  { model, parameters }: Pick<ReturnType<typeof tiny>, 'model' | 'parameters'>,
  layout: FrameLayout,
  { prompt, count, sampleParity = false }: { prompt: Uint8Array; count: number; sampleParity?: boolean },
): Promise<{ bytes: number[]; parityErrors: number }> => {
  const { patchesPerByte, bitsPerPatch, parity } = layout;
  const patches = (frame: number) => Array.from({ length: patchesPerByte }, (_, i) => patchOf(frame, i, layout));
  const frameBits = patchesPerByte * bitsPerPatch;
  const allBytes = Array.from({ length: 256 }, (_, byte) => byte);
  const drawsParity = parity && sampleParity;
  const candidates = drawsParity
    ? allBytes.flatMap((b) => [2 * b, 2 * b + 1])
    : allBytes.map((b) => frameOf(b, layout));
  const costs = compile(
    (p: Tree<Tensor>, x: Tensor) => {
      const length = x.shape[1]!;
      const ends = { axis: 1, start: length - 1 - patchesPerByte };
      const targets = slice(x, { axis: 1, start: 1 });
      return bind(model, p, () => slice(model.bitCosts(slice(x, { axis: 1, end: length - 1 }), targets), ends));
    },
    { executor: reference },
  );
  const text = Array.from(prompt, (byte) => frameOf(byte, layout));
  for (let made = 0; made < count; made++) {
    const rows = candidates.map((frame) => [...text, frame].flatMap(patches));
    const { data } = await costs(parameters, i32(rows.flat(), [rows.length, rows[0]!.length]));
    const payload = candidates.map((_, i) =>
      (data as Float32Array).slice(i * frameBits, i * frameBits + 8).reduce((a, b) => a + b, 0),
    );
    const best = payload.indexOf(Math.min(...payload));
    // Of two frames with the same byte the first one, whose parity bit is 0, is found.
    const parityCost = (i: number): number => data[i * frameBits + 8];
    text.push(candidates[drawsParity && parityCost(best + 1) < parityCost(best) ? best + 1 : best]!);
  }
  const made = text.slice(prompt.length);
  return {
    bytes: made.map((frame) => byteOf(frame, layout)),
    parityErrors: made.filter((frame) => hasWrongParity(frame, layout)).length,
  };
};

import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type NamedArray, writeSafetensors } from '../checkpoint/index.js';
import { type Compiled, compile } from '../compile/compile.js';
import { type HostArray, hostArray } from '../compile/host-array.js';
import type { State } from '../compile/state.js';
import { fileError, makeFolder } from '../core/files.js';
import { type ByteStore, evaluationWindows } from '../data/index.js';
import {
  type AttentionWindow,
  attentionEntropies,
  attentionWindowMaps,
  attentionWindows,
  type LanguageModel,
  requireBitTransformer,
} from '../models/index.js';
import { bind, joinParameters, type ParameterState } from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';

export interface AttentionOptions {
  /** Whole maps instead of one for each chunk; `model.fullAttentionLogging` unless told. */
  readonly stitched?: boolean;
  /** Whether positions see no later ones; true unless told. */
  readonly causal?: boolean;
}

/**
 * What a model attends to over some patches (L of them, up to the context), as named arrays: `patches` i32 [L]; for each block
 * `blocks.N.entropy` f32 [heads, L], nats; and its map `blocks.N.map` f32 [heads, L, L] where it is stitched, else one array
 * `blocks.N.window.M` f32 [heads, rows, columns] for each chunk, with `windows` i32 [chunks, 4] telling the rows and columns
 * [from, to) of each. `state` holds the parameters and is only read.
 *
 * @throws NonetError `E_SHAPE` for more patches than the context holds, `E_CONFIG` for a model of another family
 *
 * @example
 * const { model, state } = await loadRun('book');
 * const arrays = await attentionOf(model, state, Int32Array.from(new TextEncoder().encode('Call me Ishmael')));
 */
export const attentionOf = async (
  of: LanguageModel,
  state: State,
  patches: Int32Array,
  { stitched, causal = true }: AttentionOptions = {},
): Promise<NamedArray[]> => {
  const model = requireBitTransformer(of, 'attention maps');
  const look: Compiled = compile((parameters: ParameterState, inputs: Tensor) =>
    bind(model, joinParameters(parameters), () => ({
      maps: attentionWindowMaps(model, inputs, { causal }),
      entropies: attentionEntropies(model, inputs, { causal }),
    })),
  );
  const length = patches.length;
  const windows = attentionWindows(model, length, { causal });
  const { maps, entropies } = await look(state, hostArray(patches, [1, length]));
  const arrays: NamedArray[] = [{ name: 'patches', dtype: 'I32', shape: [length], data: patches }];
  const isStitched = stitched ?? model.config.fullAttentionLogging;
  if (!isStitched) {
    const bounds = Int32Array.from(windows.flatMap(({ rows, columns }) => [...rows, ...columns]));
    arrays.push({ name: 'windows', dtype: 'I32', shape: [windows.length, 4], data: bounds });
  }
  model.blocks.forEach((_, i) => {
    const add = (name: string, { shape, data }: HostArray): void => {
      arrays.push({ name: `blocks.${i}.${name}`, dtype: 'F32', shape: shape.slice(1), data: data as Float32Array });
    };
    add('entropy', entropies[i]);
    const ofBlock = Object.values(maps[i]) as HostArray[];
    if (isStitched) add('map', stitchAttention(windows, ofBlock, length));
    else ofBlock.forEach((map, window) => add(`window.${window}`, map));
  });
  return arrays;
};

/** The maps of windows, [B, heads, rows, columns] each, as one [B, heads, length, length] that is 0 where no window is. */
export const stitchAttention = (
  windows: readonly AttentionWindow[],
  maps: readonly HostArray[],
  length: number,
): HostArray => {
  const [batch = 1, heads = 1] = maps[0]?.shape ?? [];
  const whole = new Float32Array(batch * heads * length * length);
  windows.forEach(({ rows: [top, bottom], columns: [left, right] }, i) => {
    const { data } = maps[i]!;
    const [height, width] = [bottom - top, right - left];
    for (let line = 0; line < batch * heads * height; line++) {
      const [head, row] = [Math.floor(line / height), top + (line % height)];
      whole.set(
        (data as Float32Array).subarray(line * width, (line + 1) * width),
        (head * length + row) * length + left,
      );
    }
  });
  return hostArray(whole, [batch, heads, length, length]);
};

/** Writes `attentionOf` the first evaluation window of some bytes as safetensors, over what is there. */
export const writeAttention = async (
  path: string,
  model: LanguageModel,
  state: State,
  store: ByteStore,
  parity: boolean,
): Promise<void> => {
  const { bitsPerPatch, contextLength } = model;
  const windows = evaluationWindows({ store, bitsPerPatch, contextLength, parity, allowShort: true });
  const { inputs, weights } = windows.batch(0, 1);
  // Of data that is shorter than a window there are no patches behind its last target.
  const length = weights.lastIndexOf(1) + 1;
  const arrays = await attentionOf(model, state, inputs.slice(0, length));
  try {
    await makeFolder(dirname(path));
    await rm(path, { force: true });
  } catch (error) {
    throw fileError(error, 'write', path);
  }
  await writeSafetensors(path, arrays);
};

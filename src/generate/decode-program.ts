import { type Compiled, compile } from '../compile/compile.js';
import { byteNodes } from '../models/bit-transformer/decode-tree.js';
import type { LanguageModel } from '../models/index.js';
import { bind, joinParameters, type ParameterState } from '../nn/index.js';
import {
  add,
  bitAnd,
  concat,
  constantArray,
  expandDims,
  mean,
  mul,
  reshape,
  sample,
  shiftRight,
  slice,
  split,
  type Tensor,
  type TensorType,
  type Tree,
  takeAlong,
} from '../tensor/index.js';
import { type FrameLayout, parityOf } from './frames.js';
import { lookUp, nextUtf8, onlyUtf8, sampleBits } from './sampler.js';
import { samplerSettingsType } from './sampling.js';

/** What a batch of B texts carries from byte to byte. */
interface DecodeState {
  readonly cache: Tree<Tensor>;
  /** i32 [B]: patches in the cache. */
  readonly position: Tensor;
  /** i32 [B]: the last patch of the text, which is not in the cache yet. */
  readonly pending: Tensor;
  /** i32 [B]: where in a character the text stands. */
  readonly utf8: Tensor;
  /** f32 [7], see `samplerSettings`. */
  readonly settings: Tensor;
}

/** The form of a decode state for `batch` texts within the model's context. */
export const decodeStateTypes = (model: LanguageModel, batch: number): Tree<TensorType> => {
  const perRow: TensorType = { shape: [batch], dtype: 'i32' };
  const cache = model.cacheTypes(batch, model.contextLength);
  return { cache, position: perRow, pending: perRow, utf8: perRow, settings: samplerSettingsType };
};

/** (state with parameters, decode state, { patches i32 [B, n], start i32 [B] }) -> { state }: fills the cache. */
export const prefillProgram = (model: LanguageModel): Compiled =>
  compile(
    (parameters: ParameterState, { cache }: DecodeState, { patches, start }: { patches: Tensor; start: Tensor }) =>
      bind(model, joinParameters(parameters), () => ({ state: { cache: model.decode(cache, patches, start).cache } })),
    { donate: { state: 1 } },
  );

export interface DecodeOptions {
  readonly layout: FrameLayout;
  readonly utf8: boolean;
  readonly sampleParity: boolean;
}

/**
 * (state with parameters, decode state, draws f32 [2, B]) -> { state, frames i32 [B] }: one byte more for every row. Draws
 * are uniform numbers for the bytes and for their parity bits; a frame is the byte with its parity bit, if the data has any.
 * Of models that halt also depth f32 [B]: the mean of blocks over the patches that were fed for a byte.
 */
export const decodeProgram = (model: LanguageModel, options: DecodeOptions): Compiled =>
  compile(
    (parameters: ParameterState, state: DecodeState, draws: Tensor) =>
      bind(model, joinParameters(parameters), () => nextByte(model, state, draws, options)),
    { donate: { state: 1 } },
  );

const nextByte = (model: LanguageModel, state: DecodeState, draws: Tensor, options: DecodeOptions) => {
  const { layout, utf8 } = options;
  const { position, pending, settings } = state;
  const [byteDraws, parityDraws] = split(draws, 2, 0).map((row) => reshape(row, pending.shape)) as [Tensor, Tensor];

  /** Feeds the pending patch and those of the byte but its last one. */
  const feed = (byte?: Tensor) => model.decode(state.cache, patchesToFeed(pending, byte, layout), position);
  const draw = (nodes: Tensor): Tensor => {
    const logProbabilities = model.leafLogProbabilities(byteNodes(nodes)); // [B, 256]
    return sample(utf8 ? onlyUtf8(logProbabilities, state.utf8) : logProbabilities, byteDraws, settings);
  };
  let byte: Tensor; // i32 [B]
  let fed: ReturnType<typeof feed>;
  if (layout.patchesPerByte === 1) {
    fed = feed();
    byte = draw(fed.nodes);
  } else {
    byte = draw(model.prefixNodes!(state.cache, pending, position));
    fed = feed(byte);
  }

  const frames = withParity(byte, fed.nodes, { draws: parityDraws, settings, options });
  const next = {
    cache: fed.cache,
    position: add(position, layout.patchesPerByte),
    pending: bitAnd(frames, 2 ** layout.bitsPerPatch - 1),
    ...(utf8 && { utf8: nextUtf8(state.utf8, byte) }),
  };
  const depth = fed.depth && mean(fed.depth, { axes: [1] });
  return { state: next, frames, ...(depth && { depth }) };
};

/** i32 [B, patches per byte]. All but the last patch of a frame are of the byte alone, without parity. */
const patchesToFeed = (
  pending: Tensor,
  byte: Tensor | undefined,
  { bitsPerPatch, patchesPerByte }: FrameLayout,
): Tensor => {
  const last = expandDims(pending, -1); // [B, 1]
  if (!byte) return last;
  const shifts = Array.from({ length: patchesPerByte - 1 }, (_, patch) => 8 - bitsPerPatch * (patch + 1));
  const shifted = shiftRight(expandDims(byte, -1), constantArray(shifts, [1, shifts.length], 'i32'));
  return concat([last, bitAnd(shifted, 2 ** bitsPerPatch - 1)], 1);
};

interface ParityParts {
  readonly draws: Tensor;
  readonly settings: Tensor;
  readonly options: DecodeOptions;
}

const parities = Array.from({ length: 256 }, (_, byte) => parityOf(byte));

/** Frames of the bytes. `nodes` are of the fed patches: those of the last one hold the node of the parity bit. */
const withParity = (byte: Tensor, nodes: Tensor, { draws, settings, options }: ParityParts): Tensor => {
  const { layout, sampleParity } = options;
  if (!layout.parity) return byte;
  if (!sampleParity) return add(mul(byte, 2), lookUp(parities, byte));
  const [batch, fed, inner] = nodes.shape as readonly [number, number, number];
  const last = reshape(slice(nodes, { axis: 1, start: fed - 1 }), [batch, inner]);
  // The parity bit ends its patch: its node is the one of all other bits there, in the last row of the heap.
  const others = 2 ** (layout.bitsPerPatch - 1);
  const node = add(bitAnd(byte, others - 1), others - 1);
  const logits = reshape(takeAlong(last, expandDims(node, -1)), byte.shape);
  return add(mul(byte, 2), sampleBits(logits, draws, settings));
};

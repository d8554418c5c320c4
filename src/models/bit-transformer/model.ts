import { NonetError } from '../../core/errors.js';
import { Dropout, Embedding } from '../../nn/index.js';
import {
  add,
  cast,
  concat,
  decodeRunLength,
  elementCount,
  mul,
  type RandomSource,
  reshape,
  scope,
  slice,
  sum,
  type Tensor,
  type TensorType,
  type Tree,
} from '../../tensor/index.js';
import type { LanguageModel, ModelTraits } from '../language-model.js';
import { Block, type Norm, newNorm } from './block.js';
import { type BitTransformerConfig, type BitTransformerOptions, resolveBitTransformer } from './config.js';
import { cacheTypes, type Decoded, decode } from './decode.js';
import { decodeTree } from './decode-tree.js';
import { Positions } from './positions.js';
import type { Routed } from './routing.js';
import { reconstructionError, runBlocks } from './run-blocks.js';
import { carriedHeads, carriedTree, type StreamWindow, streamTypes } from './stream.js';
import { bitCosts, ClassicHead, errorLogits, leafLogProbabilities, TiedHead, TreeHead } from './tree-head.js';

export interface ForwardOptions {
  /** Source for dropout. Without it nothing is dropped, as in evaluation. */
  readonly random?: RandomSource;
  /** With experts: 1 for positions that count in `Forward.routed`, f32 [B, C]; all do without it. */
  readonly counted?: Tensor;
  /**
   * Whether a position sees no later ones; true unless told. With false it sees all of the input, or with chunks its own
   * chunk and `overlap` more on either side. There is no cache for that, and no stream.
   */
  readonly causal?: boolean;
  /** A window of a stream that is longer than the context; see `streamTypes`. */
  readonly stream?: StreamWindow;
  /**
   * With `act`: halted positions cost no further blocks but keys and values, instead of being masked. Has no gradient, and
   * tells nothing of experts.
   */
  readonly skipHalted?: boolean;
}

/** Run-length coded rows of bits: see `decodeRunLength`. */
export interface CompressedTensors {
  /** u8 [bytes] */
  readonly code: Tensor;
  /** i32 [B] */
  readonly starts: Tensor;
}

export interface Forward {
  /** See `nodeLogits`. */
  readonly nodes: Tensor;
  /** With `act`. */
  readonly pondered?: Pondered;
  /** With experts. */
  readonly routed?: Routed;
  /** With `stream`: what the next window is given, in the form of `streamTypes`; no gradient goes into it. */
  readonly carried?: Tree<Tensor>;
}

/** What halting tells of positions, f32 [B, C] each. */
export interface Pondered {
  /** Blocks that it ran through. */
  readonly depth: Tensor;
  /** The weight of the last of them. */
  readonly remainder: Tensor;
  /** With `skipHalted`, f32 [layers, B, C]: the sum of the halting probabilities behind each block, 1 once it has halted. */
  readonly haltProbs?: Tensor;
}

/**
 * A causal transformer over patches of bits (B sequences of C patches with P bits each; N = 2^P - 1). Position t sees
 * patches 0 .. t and predicts patch t + 1, bit by bit. Every method traces and is called within `bind(model, parameters, ...)`.
 *
 * @example
 * const model = new BitTransformer({ preset: 'nano', contextLength: 256 });
 * const evaluate = compile((state: nn.ParameterState, patches: Tensor) =>
 *   nn.bind(model, nn.joinParameters(state), () => model.loss(patches)),
 * );
 */
export class BitTransformer implements LanguageModel {
  readonly config: BitTransformerConfig;
  readonly embedding: Embedding;
  readonly positions: Positions;
  readonly dropout: Dropout;
  readonly blocks: readonly Block[];
  readonly norm: Norm | undefined;
  readonly head: TreeHead | ClassicHead | TiedHead;

  /** Keys that `options` leaves out come from the preset. Throws `E_CONFIG` where parts do not fit. */
  constructor(options: BitTransformerOptions) {
    const config = resolveBitTransformer(options);
    const { bitsPerPatch, dModel, layers, positions, tiedHead } = config;
    this.config = config;
    // Sinusoids have amplitude 1; smaller embeddings would drown in them. A tied head needs its vectors small.
    const deviation = positions === 'sinusoidal' && !tiedHead ? 1 : 0.02;
    this.embedding = new Embedding({ count: 2 ** bitsPerPatch, width: dModel, deviation });
    this.positions = new Positions(config);
    this.dropout = new Dropout(config.dropout);
    this.blocks = Array.from({ length: layers }, () => new Block(config));
    this.norm = config.finalNorm ? newNorm(config) : undefined;
    this.head = newHead(config);
  }

  get bitsPerPatch(): number {
    return this.config.bitsPerPatch;
  }

  get contextLength(): number {
    return this.config.contextLength;
  }

  get traits(): ModelTraits {
    const { layers, act, experts } = this.config;
    return { layers, act, experts };
  }

  losses(patches: Tensor, options: ForwardOptions = {}): { readonly loss: Tensor } {
    return { loss: this.loss(patches, options) };
  }

  /** Mean nats per bit over all bits of all predicted patches: patches i32 [B, C + 1] to an f32 scalar, summed in f64. */
  loss(patches: Tensor, options: ForwardOptions = {}): Tensor {
    const length = patches.shape[1]! - 1;
    const inputs = slice(patches, { axis: 1, end: length }); // [B, C]
    const targets = slice(patches, { axis: 1, start: 1 }); // [B, C]
    const costs = this.bitCosts(inputs, targets, options); // [B, C, P]
    return scope('loss', () => cast(mul(sum(cast(costs, 'f64')), 1 / elementCount(costs.shape)), 'f32'));
  }

  /** Nats of each true bit given everything before it: inputs and targets i32 [B, C] to [B, C, P]. */
  bitCosts(inputs: Tensor, targets: Tensor, options: ForwardOptions = {}): Tensor {
    const nodes = this.nodeLogits(inputs, options);
    return scope('loss', () => bitCosts(nodes, targets, this.bitsPerPatch));
  }

  /**
   * The logit of each true bit that it is the other one: inputs and targets i32 [B, C] to [B, C, P]. `bitCosts` is its
   * softplus; losses of another kind start here.
   */
  errorLogits(inputs: Tensor, targets: Tensor, options: ForwardOptions = {}): Tensor {
    const nodes = this.nodeLogits(inputs, options);
    return scope('loss', () => errorLogits(nodes, targets, this.bitsPerPatch));
  }

  /** The logit, at each node, that its bit is 1: inputs i32 [B, C] to [B, C, N], nodes in heap order (see tree-head.ts). */
  nodeLogits(inputs: Tensor, options: ForwardOptions = {}): Tensor {
    return this.forward(inputs, options).nodes;
  }

  /** Node logits with what halting tells of each position. */
  forward(inputs: Tensor, options: ForwardOptions = {}): Forward {
    return this.forwardVectors(this.embedWindow(inputs), options);
  }

  /**
   * `forward` of rows of bits that come run-length coded, decoded in the core: exactly what it gives for the plain rows.
   * `rows` are those of `compressedRows` (codec): code u8 [bytes], pairs of value and count, and starts i32 [B], where the code
   * of each row begins. A row has `length` patches, `contextLength` unless told. Malformed code ends the run with `E_PROGRAM`.
   *
   * @example
   * const { code, starts } = compressedRows(codes, contextLength * bitsPerPatch);
   * const rows = { code: boundedArray(code, [2 * batch * contextLength * bitsPerPatch]), starts: hostArray(starts) };
   * const nodesOf = (p: nn.ParameterState, rows: CompressedTensors) =>
   *   nn.bind(model, nn.joinParameters(p), () => model.forwardCompressed(rows).nodes);
   * const nodes = await compile(nodesOf)(state, rows);
   */
  forwardCompressed(rows: CompressedTensors, options: ForwardOptions & { readonly length?: number } = {}): Forward {
    const { length = this.config.contextLength } = options;
    return this.forward(decodeRunLength(rows.code, rows.starts, length, this.bitsPerPatch), options);
  }

  /** The rest of `nodeLogits` after the embedding: vectors [B, C, dModel] to [B, C, N]. */
  nodesOfVectors(vectors: Tensor, options: ForwardOptions = {}): Tensor {
    return this.forwardVectors(vectors, options).nodes;
  }

  private forwardVectors(vectors: Tensor, options: ForwardOptions): Forward {
    const { random, counted, causal, stream, skipHalted } = options;
    const [batch, length] = vectors.shape as readonly [number, number, number];
    if (stream && causal === false) {
      throw new NonetError('E_CONFIG', 'causal: false looks ahead, but of a stream only what came before is there');
    }
    const { added, rotation } = scope('positions', () =>
      stream ? this.positions.within(stream.position, length) : this.positions.first(length),
    );
    const x = this.dropout.forward(added ? add(vectors, added) : vectors, random); // [B, C, dModel]
    const carried = stream && carriedHeads(this, stream, length);
    const sources = { rotation, random, counted, causal, carried, skipHalted };
    const { x: states, routed, left, halting, haltProbs } = runBlocks(this, x, sources);
    const forward = {
      nodes: this.predict(states),
      ...(routed && { routed }),
      ...(left && { carried: carriedTree(left) }),
    };
    if (!halting) return forward;
    const { depth, remainder } = halting;
    const perPosition = (values: Tensor): Tensor => reshape(values, [batch, length]);
    const probs = haltProbs?.map((total) => reshape(total, [1, batch, length]));
    const pondered = {
      depth: perPosition(depth),
      remainder: perPosition(remainder),
      ...(probs && { haltProbs: concat(probs, 0) }),
    };
    return { ...forward, pondered };
  }

  /**
   * What a reversible model loses when it rebuilds the values of its layers from those of the last one, as its backward pass
   * does: largest error of the embedding over its largest value, for inputs i32 [B, C]; an f32 scalar.
   */
  reconstructionError(inputs: Tensor): Tensor {
    const vectors = this.embedWindow(inputs);
    const { added, rotation } = this.positions.first(inputs.shape[1]!);
    return reconstructionError(this, added ? add(vectors, added) : vectors, { rotation });
  }

  /** ln of the probability of every patch value: nodes [n, N] to [n, 2^P]. */
  leafLogProbabilities(nodes: Tensor): Tensor {
    return scope('leaves', () => leafLogProbabilities(nodes));
  }

  /**
   * What a window of `batch` streams leaves to the next one: the form of `carried` in `forward`'s option `stream`. Windows
   * of whole chunks, one after the other, give the nodes of one pass over the whole stream, however long that is. Throws
   * `E_CONFIG` for models that cannot: without chunks or overlap, or with `learned` positions.
   *
   * @example
   * const { nodes, carried } = model.forward(inputs, { stream: { position, carried: before } });
   */
  streamTypes(batch: number): Tree<TensorType> {
    return streamTypes(this, batch);
  }

  /** Types of a key/value cache for `batch` sequences of up to `length` patches: what `State.create` is given. */
  cacheTypes(batch: number, length: number): Tree<TensorType> {
    return cacheTypes(this, batch, length);
  }

  /**
   * Continues sequences from a cache: row b of `inputs` (i32 [B, n]) follows on the `position[b]` (i32 [B], known only at
   * run time) patches that are in it. Gives the same nodes as `nodeLogits` over the whole sequences.
   */
  decode(cache: Tree<Tensor>, inputs: Tensor, position: Tensor): Decoded {
    return decode(this, cache, inputs, position);
  }

  /** See `decodeTree`. */
  prefixNodes(cache: Tree<Tensor>, lastPatch: Tensor, position: Tensor): Tensor {
    return decodeTree(this, cache, lastPatch, position);
  }

  /** Patches i32 [B, C] to their vectors [B, C, dModel], without positions. */
  embed(inputs: Tensor): Tensor {
    return scope('embedding', () => this.embedding.forward(inputs));
  }

  /** `embed` of inputs that are all there is. Throws `E_SHAPE` for more of them than the context holds. */
  embedWindow(inputs: Tensor): Tensor {
    const { contextLength } = this.config;
    if (inputs.shape.length === 2 && inputs.shape[1]! <= contextLength) return this.embed(inputs);
    const shape = `[${inputs.shape.join(', ')}]`;
    throw new NonetError('E_SHAPE', `inputs must be [batch, length] with length up to ${contextLength}; got ${shape}`);
  }

  /** States of the last block [B, C, dModel] to node logits [B, C, N]. */
  predict(x: Tensor): Tensor {
    const { norm, head } = this;
    const state = norm ? scope('norm', () => norm.forward(x)) : x;
    return scope('head', () =>
      head instanceof TiedHead ? head.forward(state, this.embedding.weight.value) : head.forward(state),
    );
  }
}

const newHead = ({ classicHead, tiedHead, dModel, bitsPerPatch }: BitTransformerConfig) => {
  if (classicHead) return new ClassicHead(dModel);
  return tiedHead ? new TiedHead(bitsPerPatch) : new TreeHead(dModel, bitsPerPatch);
};

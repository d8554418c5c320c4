import { NonetError } from '../../core/errors.js';
import { Embedding, Parameter, RootSumNorm, slicedCrossEntropy } from '../../nn/index.js';
import {
  abs,
  add,
  allReduceSum,
  concat,
  constant,
  div,
  elementCount,
  matmul,
  max,
  maximum,
  mul,
  reshape,
  scope,
  slice,
  sub,
  type Tensor,
  type TensorType,
  type Tree,
} from '../../tensor/index.js';
import { type Branch, couple, recompute, reversible, type Streams, uncouple } from '../../transform/index.js';
import type { Decoded } from '../bit-transformer/decode.js';
import type { Forward } from '../bit-transformer/model.js';
import { leafLogProbabilities, nodeCount } from '../bit-transformer/tree-head.js';
import type { LanguageModel, ModelTraits } from '../language-model.js';
import { type Along, Whole } from './along.js';
import { type OlmaxConfig, type OlmaxOptions, resolveOlmax } from './config.js';
import { memoryAxes, memoryTypes, Onward } from './decode.js';
import { axisName, onDevices, PerDevice } from './devices.js';
import { nodesOfLogits } from './softmax-tree.js';
import { OlmaxBlock, sharedMiddle } from './steps.js';
import { slicedTreeLoss } from './tree-loss.js';

/** Values of a byte. */
const vocab = 256;
const bitsPerByte = 8;

/**
 * The family `olmax`, after the public Olmax project: reversible causal convolutions over bytes with an axial MLP-mixer, and
 * experts on several devices, which are simulated here. docs/olmax.md has the formulas. Both residual streams start as the
 * embedding; each step is `(x0, x1) -> (x1, x0 + f(x1))`; the output is their sum. Every method traces and is called within
 * `bind(model, parameters, ...)`.
 *
 * @example
 * const model = new Olmax({ family: 'olmax', depth: 4, contextLength: 256, spatialMixingKernel: 16 });
 * const evaluate = compile((state: nn.ParameterState, bytes: Tensor) =>
 *   nn.bind(model, nn.joinParameters(state), () => model.losses(bytes)),
 * );
 */
export class Olmax implements LanguageModel {
  readonly config: OlmaxConfig;
  readonly bitsPerPatch = bitsPerByte;
  readonly embedding: PerDevice<Embedding>;
  /** Shared by the bottlenecks of all depths. */
  readonly middle;
  readonly blocks: readonly OlmaxBlock[];
  readonly norm: RootSumNorm;
  /** [features, outputs] of each device: logits of the 256 bytes, or of the 255 nodes of their binary tree (`head`). */
  readonly projection: PerDevice<Parameter>;

  /** Keys that `options` leaves out have their defaults. Throws `E_CONFIG` where parts do not fit. */
  constructor(options: OlmaxOptions) {
    const config = resolveOlmax(options);
    const { features, depth, devices } = config;
    this.config = config;
    this.embedding = new PerDevice(
      config,
      () => new Embedding({ count: vocab, width: features, deviation: 1 / features }),
    );
    this.middle = sharedMiddle(config);
    this.blocks = Array.from({ length: depth }, (_, i) => new OlmaxBlock(config, i, this.middle));
    this.norm = new RootSumNorm(features, { scale: false });
    // The logits of all devices add up: each starts, and goes on, with its share.
    const share = 1 / devices;
    const initializer = { kind: 'normal', deviation: share } as const;
    const outputs = config.head === 'tree' ? nodeCount(bitsPerByte) : vocab;
    this.projection = new PerDevice(
      config,
      () => new Parameter([features, outputs], { initializer, learningRateScale: share, hidden: false }),
    );
  }

  get contextLength(): number {
    return this.config.contextLength;
  }

  get traits(): ModelTraits {
    return { layers: this.config.depth, act: false, experts: 0 };
  }

  /** Mean nats per bit of the bytes of i32 [B, C + 1] behind the first, and the share of them that were the most probable. */
  losses(patches: Tensor): { readonly loss: Tensor; readonly accuracy: Tensor } {
    const { loss, accuracy } = this.byteLosses(patches);
    return { loss: mul(loss, 1 / bitsPerByte), accuracy };
  }

  /** The same with the mean nats per byte. The gradient has the z-loss (`zLoss`), the loss that is told has not. */
  byteLosses(patches: Tensor): { readonly loss: Tensor; readonly accuracy: Tensor } {
    const length = patches.shape[1]! - 1;
    const onEach = onDevices(
      this,
      (bytes: Tensor) => {
        const states = this.states(slice(bytes, { axis: 1, end: length }));
        const targets = slice(bytes, { axis: 1, start: 1 });
        const { head, zLoss } = this.config;
        const weight = this.projection.own.value;
        return scope('loss', () =>
          head === 'tree'
            ? slicedTreeLoss(states, weight, targets, { axisName })
            : slicedCrossEntropy(states, weight, targets, { zLoss, axisName }),
        );
      },
      { inAxes: [null], outAxes: 0 },
    );
    const { loss, accuracy } = onEach(patches);
    // All devices say the same.
    const first = (x: Tensor): Tensor => reshape(slice(x, { axis: 0, end: 1 }), []);
    return { loss: first(loss), accuracy: first(accuracy) };
  }

  /** Node logits of bytes i32 [B, C] with C up to the context length. */
  forward(inputs: Tensor): Forward {
    return { nodes: this.nodesOf(this.outputs(inputs)) };
  }

  /** Logits of the next byte: i32 [B, C] to [B, C, 256]. Those of a tree are ln of the probabilities. */
  logits(inputs: Tensor): Tensor {
    const outputs = this.outputs(inputs);
    if (this.config.head === 'softmax') return outputs;
    const rows = reshape(outputs, [-1, outputs.shape[2]!]);
    return reshape(this.leafLogProbabilities(rows), [...inputs.shape, vocab]);
  }

  /** What the head gives for bytes i32 [B, C]: [B, C, outputs]. */
  private outputs(inputs: Tensor): Tensor {
    const onEach = (bytes: Tensor): Tensor => this.predict(this.states(bytes));
    return onDevices(this, onEach, { inAxes: [null], outAxes: null })(inputs);
  }

  /** What `predict` gives as node logits [..., 255]. */
  private nodesOf(outputs: Tensor): Tensor {
    return this.config.head === 'tree' ? outputs : nodesOfLogits(outputs);
  }

  /** On one device, what the logits of the byte behind each of i32 [B, C] are made from: [B, C, features]. */
  private states(inputs: Tensor): Tensor {
    const { contextLength } = this.config;
    const [batch = 0, length = 0] = inputs.shape;
    if (inputs.shape.length !== 2 || length > contextLength) {
      const shape = `[${inputs.shape.join(', ')}]`;
      throw new NonetError(
        'E_SHAPE',
        `inputs must be [batch, length] with length up to ${contextLength}; got ${shape}`,
      );
    }
    const whole = (bytes: Tensor): Tensor => this.closed(this.run(this.embed(bytes), new Whole()));
    if (length === contextLength) return whole(inputs);
    // Mixers fold the whole context. What stands behind the end does not change what is before it.
    const padded = concat([inputs, constant(0, [batch, contextLength - length], 'i32')], 1);
    return slice(whole(padded), { axis: 1, end: length });
  }

  /** What becomes of vectors in place of embeddings, the same on all devices: [B, contextLength, features] to [D, ...]. */
  statesOfVectors(vectors: Tensor): Tensor {
    const onEach = (x: Tensor): Tensor => this.closed(this.run(x, new Whole()));
    return onDevices(this, onEach, { inAxes: [null], outAxes: 0 })(vectors);
  }

  /** i32 [B, n] to [B, n, features], on one device as all that follows. */
  private embed(inputs: Tensor): Tensor {
    return scope('embedding', () => this.embedding.own.forward(inputs));
  }

  private branches(along: Along): Branch[] {
    return this.blocks.flatMap(({ steps }, i) =>
      steps.map((step) => (x: Tensor) => scope(`blocks.${i}`, () => step.forward(x, along))),
    );
  }

  /** Both streams through all steps: [B, n, features] to the same. */
  private run(x: Tensor, along: Along): Streams {
    const { reversible: isReversible, recompute: again } = this.config;
    const branches = this.branches(along).map((branch): Branch => {
      return !isReversible && again === 'block' ? (y) => recompute((z) => [branch(z!)])(y)[0]! : branch;
    });
    let streams: Streams = [x, x];
    // Two steps are one coupling.
    for (let i = 0; i + 1 < branches.length; i += 2) {
      const [f, g] = [branches[i]!, branches[i + 1]!];
      streams = isReversible && along instanceof Whole ? reversible(f, g, streams) : couple(f, g, streams);
    }
    if (branches.length % 2 === 0) return streams;
    const [x0, x1] = streams;
    return [x1, add(x0, branches.at(-1)!(x1))];
  }

  /** [B, n, features] of both streams to the same, rows of length 1. */
  private closed([x0, x1]: Streams): Tensor {
    return scope('norm', () => this.norm.forward(add(x0, x1)));
  }

  /** The logits of all devices add up: [B, n, features] to [B, n, outputs]. */
  private predict(states: Tensor): Tensor {
    return scope('head', () => allReduceSum(matmul(states, this.projection.own.value), axisName));
  }

  leafLogProbabilities(nodes: Tensor): Tensor {
    return scope('leaves', () => leafLogProbabilities(nodes));
  }

  /** For each layer that reaches back, what it keeps of earlier positions; see decode.ts. */
  cacheTypes(batch: number): Tree<TensorType> {
    return memoryTypes(this, batch);
  }

  decode(cache: Tree<Tensor>, inputs: Tensor, position: Tensor): Decoded {
    const axes = memoryAxes(this);
    const onEach = onDevices(
      this,
      (memory: Tree<Tensor>, bytes: Tensor, at: Tensor) => {
        const onward = new Onward(this.config, memory, at);
        const streams = this.run(this.embed(bytes), onward);
        return { nodes: this.nodesOf(this.predict(this.closed(streams))), cache: onward.written };
      },
      { inAxes: [axes, null, null], outAxes: { nodes: null, cache: axes } },
    );
    return onEach(cache, inputs, position);
  }

  /** See `BitTransformer.reconstructionError`. */
  reconstructionError(inputs: Tensor): Tensor {
    const largest = (x: Tensor): Tensor => max(reshape(abs(x), [elementCount(x.shape)]));
    const onEach = onDevices(
      this,
      (bytes: Tensor) => {
        const x = this.embed(bytes);
        const branches = this.branches(new Whole());
        const pairs = Array.from({ length: Math.floor(branches.length / 2) }, (_, i) =>
          branches.slice(2 * i, 2 * i + 2),
        );
        const end = pairs.reduce<Streams>((streams, [f, g]) => couple(f!, g!, streams), [x, x]);
        const start = pairs.reduceRight<Streams>((streams, [f, g]) => uncouple(f!, g!, streams), end);
        const error = start.map((y) => largest(sub(y, x))).reduce((a, b) => maximum(a, b));
        return { error, size: largest(x) };
      },
      { inAxes: [null], outAxes: 0 },
    );
    const { error, size } = onEach(inputs);
    return div(max(error), max(size));
  }
}

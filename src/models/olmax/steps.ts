import { AxialMixer, type CausalConvolution, CausalSelfAttention, type Norm } from '../../nn/index.js';
import { add, scope, type Tensor } from '../../tensor/index.js';
import type { Along } from './along.js';
import type { OlmaxConfig } from './config.js';
import { initializerOf, newConvolution } from './convolutions.js';
import { PerDevice } from './devices.js';
import { newActivatedNorm, newNorm } from './norms.js';

/** What a step does between its norms, on one device: [B, n, features] to the same. */
interface Body {
  forward(x: Tensor, along: Along): Tensor;
}

/** One residual branch: its body between norms, or with one of them (`normPlacement`). */
export class Step {
  readonly before: PerDevice<Norm> | undefined;
  readonly after: PerDevice<Norm> | undefined;

  constructor(
    config: OlmaxConfig,
    readonly name: string,
    readonly body: Body,
  ) {
    const { normPlacement, features } = config;
    const norms = (isThere: boolean) => (isThere ? new PerDevice(config, () => newNorm(config, features)) : undefined);
    this.before = norms(normPlacement !== 'post');
    this.after = norms(normPlacement !== 'pre');
  }

  /** [B, n, features] on one device to the same */
  forward(x: Tensor, along: Along): Tensor {
    return scope(this.name, () => {
      const y = this.body.forward(this.before?.own.forward(x) ?? x, along);
      return this.after?.own.forward(y) ?? y;
    });
  }
}

/** A convolution to more features, norm and activation, and one back. */
export class DenseBody implements Body {
  readonly first: PerDevice<CausalConvolution>;
  readonly norm: PerDevice<Norm>;
  readonly second: PerDevice<CausalConvolution>;

  constructor(config: OlmaxConfig) {
    const { features, pointwiseFeatures: inner, pointwiseKernel: taps } = config;
    this.first = new PerDevice(config, () => newConvolution(config, [features, taps, inner]));
    this.norm = new PerDevice(config, () => newActivatedNorm(config, inner));
    this.second = new PerDevice(config, () => newConvolution(config, [inner, taps, features]));
  }

  forward(x: Tensor, along: Along): Tensor {
    const wide = scope('first', () => along.convolve(this.first.own, x));
    const active = scope('norm', () => this.norm.own.forward(wide));
    return scope('second', () => along.convolve(this.second.own, active));
  }
}

/**
 * The "experts by device": a convolution to few features, a middle one in which each device works on every D-th position with
 * the features of all devices, and one back.
 */
export class BottleneckBody implements Body {
  readonly first: PerDevice<CausalConvolution>;
  readonly norm: PerDevice<Norm>;
  readonly middleNorm: PerDevice<Norm>;
  readonly last: PerDevice<CausalConvolution>;

  /** `middle` is shared by all depths. */
  constructor(
    config: OlmaxConfig,
    readonly middle: PerDevice<CausalConvolution>,
  ) {
    const { features, innerBottleneckFeatures: inner, outerBottleneckKernel: taps, devices } = config;
    this.first = new PerDevice(config, () => newConvolution(config, [features, taps, inner]));
    this.norm = new PerDevice(config, () => newActivatedNorm(config, inner * devices));
    this.middleNorm = new PerDevice(config, () => newActivatedNorm(config, inner * devices));
    this.last = new PerDevice(config, () => newConvolution(config, [inner, taps, features]));
  }

  forward(x: Tensor, along: Along): Tensor {
    const narrow = scope('first', () => along.convolve(this.first.own, x));
    const layers = { before: this.norm.own, middle: this.middle.own, after: this.middleNorm.own };
    const mixed = scope('middle', () => along.exchange(narrow, layers));
    return scope('last', () => along.convolve(this.last.own, mixed));
  }
}

/** The convolution that the bottlenecks of all depths share. */
export const sharedMiddle = (config: OlmaxConfig): PerDevice<CausalConvolution> => {
  const width = config.innerBottleneckFeatures * config.devices;
  const sizes = [width, config.innerBottleneckKernel, width] as const;
  return new PerDevice(config, () => newConvolution(config, sizes, { shared: true }));
};

/** What mixes all positions: the axial mixer along the axis of its block, attention, or the sum of both. */
export class MixingBody implements Body {
  readonly mixer: PerDevice<AxialMixer> | undefined;
  readonly attention: PerDevice<CausalSelfAttention> | undefined;

  constructor(config: OlmaxConfig, block: number) {
    const { mixing, features: width, contextLength: length, spatialMixingKernel: kernel, heads } = config;
    const newMixer = (): AxialMixer =>
      new AxialMixer({
        ...{ width, length, kernel, axis: block },
        norm: newActivatedNorm(config, width),
        ...initializerOf(config),
      });
    const newAttention = (): CausalSelfAttention =>
      new CausalSelfAttention({ width, heads, biases: false, residualDeviation: 1 / Math.sqrt(width) });
    this.mixer = mixing === 'attention' ? undefined : new PerDevice(config, newMixer);
    this.attention = mixing === 'mixer' ? undefined : new PerDevice(config, newAttention);
  }

  forward(x: Tensor, along: Along): Tensor {
    const { mixer, attention } = this;
    const mixed = mixer && scope('mixer', () => along.mix(mixer.own, x));
    const attended = attention && scope('attention', () => along.attend(attention.own, x));
    return mixed && attended ? add(mixed, attended) : (mixed ?? attended)!;
  }
}

/** Dense block, bottleneck, dense block, and what mixes positions, each a residual branch. */
export class OlmaxBlock {
  readonly dense: Step;
  readonly bottleneck: Step;
  readonly secondDense: Step;
  readonly mixing: Step | undefined;

  /** `index` says along which axis it mixes; `middle` is shared by all blocks. */
  constructor(config: OlmaxConfig, index: number, middle: PerDevice<CausalConvolution>) {
    this.dense = new Step(config, 'dense', new DenseBody(config));
    this.bottleneck = new Step(config, 'bottleneck', new BottleneckBody(config, middle));
    this.secondDense = new Step(config, 'secondDense', new DenseBody(config));
    this.mixing = config.mixing === 'none' ? undefined : new Step(config, 'mixing', new MixingBody(config, index));
  }

  get steps(): readonly Step[] {
    const { dense, bottleneck, secondDense, mixing } = this;
    return [dense, bottleneck, secondDense, ...(mixing ? [mixing] : [])];
  }
}

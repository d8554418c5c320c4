import { AxialMixer, type CausalConvolution, CausalSelfAttention, type Norm } from '../../nn/index.js';
import { add, concat, scope, split, type Tensor } from '../../tensor/index.js';
import type { Along } from './along.js';
import type { OlmaxConfig } from './config.js';
import { initializerOf, newConvolution } from './convolutions.js';
import { newActivatedNorm, newNorm } from './norms.js';

/** One of a number for each device. */
const perDevice = <T>({ devices }: OlmaxConfig, make: (device: number) => T): readonly T[] =>
  Array.from({ length: devices }, (_, device) => make(device));

/** What a step does between its norms: a list of [B, n, features], one for each device, to the same. */
interface Body {
  forward(xs: readonly Tensor[], along: Along): readonly Tensor[];
}

/** One residual branch: its body between norms, or with one of them (`normPlacement`). */
export class Step {
  readonly before: readonly Norm[];
  readonly after: readonly Norm[];

  constructor(
    config: OlmaxConfig,
    readonly name: string,
    readonly body: Body,
  ) {
    const { normPlacement, features } = config;
    const norms = (isThere: boolean) => (isThere ? perDevice(config, () => newNorm(config, features)) : []);
    this.before = norms(normPlacement !== 'post');
    this.after = norms(normPlacement !== 'pre');
  }

  /** x [D B, n, features], the devices one behind the other, to the same. */
  forward(x: Tensor, along: Along, devices: number): Tensor {
    return scope(this.name, () => {
      const xs = devices === 1 ? [x] : split(x, devices, 0);
      const normed = xs.map((own, j) => this.before[j]?.forward(own) ?? own);
      const ys = this.body.forward(normed, along).map((own, j) => this.after[j]?.forward(own) ?? own);
      return devices === 1 ? ys[0]! : concat(ys, 0);
    });
  }
}

/** On each device: a convolution to more features, norm and activation, and one back. */
export class DenseBody implements Body {
  readonly first: readonly CausalConvolution[];
  readonly norm: readonly Norm[];
  readonly second: readonly CausalConvolution[];

  constructor(config: OlmaxConfig) {
    const { features, pointwiseFeatures: inner, pointwiseKernel: taps } = config;
    this.first = perDevice(config, () => newConvolution(config, [features, taps, inner]));
    this.norm = perDevice(config, () => newActivatedNorm(config, inner));
    this.second = perDevice(config, () => newConvolution(config, [inner, taps, features]));
  }

  forward(xs: readonly Tensor[], along: Along): readonly Tensor[] {
    return xs.map((x, j) => {
      const wide = scope('first', () => along.convolve(this.first[j]!, x));
      const active = scope('norm', () => this.norm[j]!.forward(wide));
      return scope('second', () => along.convolve(this.second[j]!, active));
    });
  }
}

/**
 * The "experts by device": a convolution to few features, a middle one in which each device works on every D-th position with
 * the features of all devices, and one back.
 */
export class BottleneckBody implements Body {
  readonly first: readonly CausalConvolution[];
  readonly norm: readonly Norm[];
  readonly middleNorm: readonly Norm[];
  readonly last: readonly CausalConvolution[];

  /** `middle` is shared by all depths. */
  constructor(
    config: OlmaxConfig,
    readonly middle: readonly CausalConvolution[],
  ) {
    const { features, innerBottleneckFeatures: inner, outerBottleneckKernel: taps, devices } = config;
    this.first = perDevice(config, () => newConvolution(config, [features, taps, inner]));
    this.norm = perDevice(config, () => newActivatedNorm(config, inner * devices));
    this.middleNorm = perDevice(config, () => newActivatedNorm(config, inner * devices));
    this.last = perDevice(config, () => newConvolution(config, [inner, taps, features]));
  }

  forward(xs: readonly Tensor[], along: Along): readonly Tensor[] {
    const narrow = scope('first', () => xs.map((x, j) => along.convolve(this.first[j]!, x)));
    const layers = { before: this.norm, middle: this.middle, after: this.middleNorm };
    const mixed = scope('middle', () => along.exchange(narrow, layers));
    return scope('last', () => mixed.map((x, j) => along.convolve(this.last[j]!, x)));
  }
}

/** The convolution that the bottlenecks of all depths share, one for each device. */
export const sharedMiddles = (config: OlmaxConfig): readonly CausalConvolution[] => {
  const width = config.innerBottleneckFeatures * config.devices;
  return perDevice(config, () =>
    newConvolution(config, [width, config.innerBottleneckKernel, width], { shared: true }),
  );
};

/** What mixes all positions: the axial mixer along the axis of its block, attention, or the sum of both. */
export class MixingBody implements Body {
  readonly mixer: readonly AxialMixer[];
  readonly attention: readonly CausalSelfAttention[];

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
    this.mixer = mixing === 'attention' ? [] : perDevice(config, newMixer);
    this.attention = mixing === 'mixer' ? [] : perDevice(config, newAttention);
  }

  forward(xs: readonly Tensor[], along: Along): readonly Tensor[] {
    return xs.map((x, j) => {
      const [mixer, attention] = [this.mixer[j], this.attention[j]];
      const mixed = mixer && scope('mixer', () => along.mix(mixer, x));
      const attended = attention && scope('attention', () => along.attend(attention, x));
      return mixed && attended ? add(mixed, attended) : (mixed ?? attended)!;
    });
  }
}

/** Dense block, bottleneck, dense block, and what mixes positions, each a residual branch. */
export class OlmaxBlock {
  readonly dense: Step;
  readonly bottleneck: Step;
  readonly secondDense: Step;
  readonly mixing: Step | undefined;

  /** `index` says along which axis it mixes; `middle` is shared by all blocks. */
  constructor(config: OlmaxConfig, index: number, middle: readonly CausalConvolution[]) {
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

import {
  type AxialMixer,
  type CausalConvolution,
  type CausalSelfAttention,
  type Norm,
  rotaryTables,
} from '../../nn/index.js';
import { concat, constantArray, reshape, slice, split, type Tensor } from '../../tensor/index.js';

/** What the devices of a bottleneck do to the positions that are theirs. */
export interface Exchanged {
  readonly before: readonly Norm[];
  readonly middle: readonly CausalConvolution[];
  readonly after: readonly Norm[];
}

/**
 * How layers reach other positions: over whole sequences (`Whole`), or from what is kept of earlier positions (decode.ts). All
 * else of the model looks at one position at a time, and is written once for both. Tensors are [B, n, features].
 */
export interface Along {
  convolve(layer: CausalConvolution, x: Tensor): Tensor;
  mix(mixer: AxialMixer, x: Tensor): Tensor;
  attend(attention: CausalSelfAttention, x: Tensor): Tensor;
  /**
   * The bottleneck's middle over D devices with I features each: device j takes positions s D + j with the features of all
   * devices, [B, n / D, D I], and its results go back to the devices that the features came from.
   */
  exchange(xs: readonly Tensor[], layers: Exchanged): readonly Tensor[];
}

/** Over whole sequences. */
export class Whole implements Along {
  convolve(layer: CausalConvolution, x: Tensor): Tensor {
    return layer.forward(x);
  }

  mix(mixer: AxialMixer, x: Tensor): Tensor {
    return mixer.forward(x);
  }

  attend(attention: CausalSelfAttention, x: Tensor): Tensor {
    const [, length, width] = x.shape as readonly [number, number, number];
    const headDim = width / attention.heads;
    const { cos, sin } = rotaryTables(length, headDim);
    const rows = (values: Float64Array): Tensor => constantArray(values, [1, length, headDim / 2]);
    return attention.forward(x, { cos: rows(cos), sin: rows(sin) });
  }

  exchange(xs: readonly Tensor[], { before, middle, after }: Exchanged): readonly Tensor[] {
    const mixed = dealt(xs).map((x, j) => after[j]!.forward(middle[j]!.forward(before[j]!.forward(x))));
    return gathered(mixed);
  }
}

/** The all-to-all there: D times [B, S, I] to D times [B, S / D, D I]. */
export const dealt = (xs: readonly Tensor[]): readonly Tensor[] => {
  const devices = xs.length;
  if (devices === 1) return xs;
  const [batch, length, width] = xs[0]!.shape as readonly [number, number, number];
  const apart = xs.map((x) => reshape(x, [batch, length / devices, devices, width]));
  return xs.map((_, j) => {
    const own = apart.map((x) => slice(x, { axis: 2, start: j, end: j + 1 }));
    return reshape(concat(own, -1), [batch, length / devices, devices * width]);
  });
};

/** The all-to-all back: D times [B, S / D, D I] to D times [B, S, I]. */
export const gathered = (ys: readonly Tensor[]): readonly Tensor[] => {
  const devices = ys.length;
  if (devices === 1) return ys;
  const [batch, own, wide] = ys[0]!.shape as readonly [number, number, number];
  const width = wide / devices;
  const parts = ys.map((y) => split(y, devices)); // of device j, features of device i: [B, S / D, I]
  return ys.map((_, i) => {
    const columns = parts.map((part) => reshape(part[i]!, [batch, own, 1, width]));
    return reshape(concat(columns, 2), [batch, own * devices, width]);
  });
};

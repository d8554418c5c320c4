import {
  type AxialMixer,
  type CausalConvolution,
  type CausalSelfAttention,
  type Norm,
  rotaryTables,
} from '../../nn/index.js';
import { allToAll, axisSize, constantArray, reshape, type Tensor } from '../../tensor/index.js';
import { axisName } from './devices.js';

/** What a device does in a bottleneck to the positions that are its own. */
export interface Exchanged {
  readonly before: Norm;
  readonly middle: CausalConvolution;
  readonly after: Norm;
}

/**
 * How layers reach other positions: over whole sequences (`Whole`), or from what is kept of earlier positions (decode.ts). All
 * else of the model looks at one position at a time, and is written once for both. Tensors are those of one device, [B, n,
 * features].
 */
export interface Along {
  convolve(layer: CausalConvolution, x: Tensor): Tensor;
  mix(mixer: AxialMixer, x: Tensor): Tensor;
  attend(attention: CausalSelfAttention, x: Tensor): Tensor;
  /**
   * The bottleneck's middle over D devices with I features each: device j takes positions s D + j with the features of all
   * devices, [B, n / D, D I], and its results go back to the devices that the features came from.
   */
  exchange(x: Tensor, layers: Exchanged): Tensor;
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

  exchange(x: Tensor, { before, middle, after }: Exchanged): Tensor {
    return gathered(after.forward(middle.forward(before.forward(dealt(x)))));
  }
}

/** The all-to-all there: [B, S, I] on each of D devices to [B, S / D, D I]. */
const dealt = (x: Tensor): Tensor => {
  const devices = axisSize(axisName);
  const [batch, length, width] = x.shape as readonly [number, number, number];
  const positions = reshape(x, [batch, length / devices, devices, width]);
  const own = allToAll(positions, { axisName, splitAxis: 2, concatAxis: 2 }); // device j's positions, features of device i
  return reshape(own, [batch, length / devices, devices * width]);
};

/** The all-to-all back: [B, S / D, D I] on each of D devices to [B, S, I]. */
const gathered = (y: Tensor): Tensor => {
  const devices = axisSize(axisName);
  const [batch, own, wide] = y.shape as readonly [number, number, number];
  const features = reshape(y, [batch, own, devices, wide / devices]);
  const positions = allToAll(features, { axisName, splitAxis: 2, concatAxis: 2 }); // device i's features, positions of device j
  return reshape(positions, [batch, own * devices, wide / devices]);
};

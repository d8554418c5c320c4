import { NonetError } from '../../core/errors.js';
import { type AxialMixer, type CausalConvolution, type CausalSelfAttention, rotaryTables } from '../../nn/index.js';
import {
  add,
  allGather,
  allReduceSum,
  axisIndex,
  axisSize,
  bitAnd,
  constantArray,
  convolution,
  equal,
  expandDims,
  gather,
  iota,
  matmul,
  minimum,
  reduceScatterSum,
  reshape,
  select,
  Tensor,
  type TensorType,
  type Tree,
} from '../../tensor/index.js';
import type { Along, Exchanged } from './along.js';
import type { OlmaxConfig } from './config.js';
import { axisName } from './devices.js';
import type { Olmax } from './model.js';
import { readRing, ringType, writeRing } from './ring.js';
import { BottleneckBody, DenseBody, MixingBody } from './steps.js';

/*
 * What the next position needs of the earlier ones: of a convolution the inputs of its last taps, of a mixer what it was given
 * and what lies between its products at the positions of its axis, of attention keys and values. Layers take their places in
 * the order in which the model calls them.
 */

/** A place of the memory of one device. */
interface Place {
  readonly type: TensorType;
  /** Whether it is the same on all devices and is there once; of a single one all are. */
  readonly isShared: boolean;
}

const placesOf = ({ config, blocks }: Olmax, batch: number): Place[] =>
  blocks.flatMap(({ steps }) => steps.flatMap(({ body }) => placesOfBody(config, body, batch)));

const byNumber = <T>(list: readonly T[]): { readonly [place: string]: T } =>
  Object.fromEntries(list.map((item, i) => [String(i), item]));

/** Places of all layers of a model: `{ '0': type, '1': type, ... }`, with the devices in front. */
export const memoryTypes = (model: Olmax, batch: number): Tree<TensorType> =>
  byNumber(
    placesOf(model, batch).map(({ type, isShared }) =>
      isShared ? type : { ...type, shape: [model.config.devices, ...type.shape] },
    ),
  );

/** The axis of the devices in each place. */
export const memoryAxes = (model: Olmax): { readonly [place: string]: number | null } =>
  byNumber(placesOf(model, 1).map(({ isShared }) => (isShared ? null : 0)));

const placesOfBody = (config: OlmaxConfig, body: object, batch: number): Place[] => {
  const { features, pointwiseFeatures, innerBottleneckFeatures: inner, devices } = config;
  const place = (type: TensorType, isShared = devices === 1): Place => ({ type, isShared });
  const ring = (reach: number, width: number): Place => place(ringType(batch, reach, width));
  if (body instanceof DenseBody) {
    const reach = config.pointwiseKernel - 1;
    return [ring(reach, features), ring(reach, pointwiseFeatures)];
  }
  if (body instanceof BottleneckBody) {
    const outer = config.outerBottleneckKernel - 1;
    const middle = ringType(batch, devices * (config.innerBottleneckKernel - 1), devices * inner);
    return [ring(outer, features), place(middle, true), ring(outer, inner)];
  }
  if (!(body instanceof MixingBody)) throw new Error('a body of unknown kind');
  const { heads, contextLength } = config;
  const cache = place({ shape: [batch * heads, contextLength, features / heads], dtype: 'f32' });
  const mixing = body.mixer && ring(foldOf(body.mixer.own).block, features);
  return [...(mixing ? [mixing, mixing] : []), ...(body.attention ? [cache, cache] : [])];
};

/** How a mixer folds a sequence: positions of a block, and from one position of an axis to the next. */
const foldOf = ({ options: { length, kernel }, blocks }: AxialMixer) => ({
  block: length / blocks,
  stride: length / (blocks * kernel),
});

/** Over n new positions behind `position` (i32 [B]) that are in the memory, on one device. */
export class Onward implements Along {
  private readonly places: Tensor[] = [];

  constructor(
    private readonly config: OlmaxConfig,
    private readonly memory: Tree<Tensor>,
    private readonly position: Tensor,
  ) {}

  /** The memory with the new positions, once all layers have been called. */
  get written(): Tree<Tensor> {
    return Object.fromEntries(this.places.map((place, i) => [String(i), place]));
  }

  convolve(layer: CausalConvolution, x: Tensor): Tensor {
    const ring = this.write(x);
    const taps = layer.weight.shape[0]!;
    const seen = readRing(ring, this.positions(1 - taps, taps - 1 + x.shape[1]!)); // [B, taps - 1 + n, inputs]
    return convolution(seen, layer.weight.value);
  }

  mix(mixer: AxialMixer, x: Tensor): Tensor {
    const { kernel, length } = mixer.options;
    const { block, stride } = foldOf(mixer);
    const inside = minimum(this.positions(0, x.shape[1]!), length - 1); // [B, n]
    // Of each position of a sequence: its number along the axis, and the position of the first of its axis.
    const table = (of: (p: number) => number): Tensor =>
      reshape(
        gather(
          constantArray(
            Array.from({ length }, (_, p) => of(p)),
            [length, 1],
            'i32',
          ),
          inside,
        ),
        inside.shape,
      );
    const number = table((p) => Math.floor((p % block) / stride));
    const first = table((p) => Math.floor(p / block) * block + (p % stride));
    const along = add(expandDims(first, -1), constantArray(multiples(kernel, stride), [1, 1, kernel], 'i32'));
    const through = (matrix: Tensor, rows: Tensor): Tensor => {
      const seen = readRing(this.write(rows), along); // [B, n, kernel, features]
      const [batch, count, , width] = seen.shape as readonly [number, number, number, number];
      // Entries that lead back are zero, and so is what lies behind the position.
      const weights = gather(mixer.causal(matrix, true), number); // [B, n, kernel]
      const product = matmul(
        reshape(weights, [batch * count, 1, kernel]),
        reshape(seen, [batch * count, kernel, width]),
      );
      return reshape(product, [batch, count, width]);
    };
    return through(mixer.second.value, mixer.norm.forward(through(mixer.first.value, x)));
  }

  attend(attention: CausalSelfAttention, x: Tensor): Tensor {
    const { contextLength, features } = this.config;
    const half = features / attention.heads / 2;
    const inside = minimum(this.positions(0, x.shape[1]!), contextLength - 1);
    const { cos, sin } = rotaryTables(contextLength, 2 * half);
    const rows = (values: Float64Array): Tensor => gather(constantArray(values, [contextLength, half]), inside);
    const [k, v] = [this.place(0), this.place(1)];
    const { y, cache } = attention.decode(x, { k, v }, this.position, { cos: rows(cos), sin: rows(sin) });
    this.places.push(cache.k, cache.v);
    return y;
  }

  exchange(x: Tensor, { before, middle, after }: Exchanged): Tensor {
    const devices = axisSize(axisName);
    if (devices === 1) return after.forward(this.convolve(middle, before.forward(x)));
    const count = x.shape[1]!;
    const positions = this.positions(0, count); // [B, n]
    // Each position is the business of one device: all do the work, and what that one gets is taken.
    const isOwn = expandDims(equal(bitAnd(positions, devices - 1), axisIndex(axisName)), -1);
    const ifOwn = (y: Tensor): Tensor => select(isOwn, y, 0);
    const whole = allGather(x, { axisName, axis: 2, tiled: true }); // [B, n, D I]
    const ring = this.write(allReduceSum(ifOwn(before.forward(whole)), axisName)); // [B, R, D I], the same on all devices
    const [taps, inputs, outputs] = middle.weight.shape as readonly [number, number, number];
    const back = constantArray(
      multiples(taps, devices).map((far) => far - devices * (taps - 1)),
      [1, 1, taps],
      'i32',
    );
    const seen = readRing(ring, add(expandDims(positions, -1), back)); // [B, n, taps, D I]
    const flat = reshape(seen, [seen.shape[0]!, count, taps * inputs]);
    const y = after.forward(matmul(flat, reshape(middle.weight.value, [taps * inputs, outputs])));
    return reduceScatterSum(ifOwn(y), { axisName, axis: 2, tiled: true }); // to each device its features
  }

  /** i32 [B, count]: positions from `first` on, counted from the first new one. */
  private positions(first: number, count: number): Tensor {
    return add(expandDims(this.position, -1), add(reshape(iota(count), [1, count]), first));
  }

  /** Puts rows of the new positions into the next ring. */
  private write(rows: Tensor): Tensor {
    const ring = writeRing(this.place(0), rows, this.position);
    this.places.push(ring);
    return ring;
  }

  /** The next place of the memory, or one `ahead` of it. */
  private place(ahead: number): Tensor {
    const key = String(this.places.length + ahead);
    const found = (this.memory as unknown as Record<string, unknown>)[key];
    if (found instanceof Tensor) return found;
    throw new NonetError('E_TRACE', `decode: the memory has no place ${key}; make it from cacheTypes()`);
  }
}

const multiples = (count: number, of: number): number[] => Array.from({ length: count }, (_, i) => i * of);

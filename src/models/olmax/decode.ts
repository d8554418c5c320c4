import { NonetError } from '../../core/errors.js';
import { type AxialMixer, type CausalConvolution, type CausalSelfAttention, rotaryTables } from '../../nn/index.js';
import {
  add,
  bitAnd,
  concat,
  constantArray,
  convolution,
  equal,
  expandDims,
  gather,
  iota,
  matmul,
  minimum,
  reshape,
  select,
  split,
  Tensor,
  type TensorType,
  type Tree,
} from '../../tensor/index.js';
import type { Along, Exchanged } from './along.js';
import type { OlmaxConfig } from './config.js';
import type { Olmax } from './model.js';
import { readRing, ringType, writeRing } from './ring.js';
import { BottleneckBody, DenseBody, MixingBody } from './steps.js';

/*
 * What the next position needs of the earlier ones: of a convolution the inputs of its last taps, of a mixer what it was given
 * and what lies between its products at the positions of its axis, of attention keys and values. Layers take their places in
 * the order in which the model calls them.
 */

/** Places of all layers of a model: `{ '0': type, '1': type, ... }`. */
export const memoryTypes = ({ config, blocks }: Olmax, batch: number): Tree<TensorType> => {
  const types = blocks.flatMap(({ steps }) => steps.flatMap(({ body }) => typesOf(config, body, batch)));
  return Object.fromEntries(types.map((type, i) => [String(i), type]));
};

const typesOf = (config: OlmaxConfig, body: object, batch: number): TensorType[] => {
  const { features, pointwiseFeatures, innerBottleneckFeatures: inner, devices } = config;
  const ring = (reach: number, width: number): TensorType => ringType(batch, reach, width);
  const each = (count: number, types: TensorType[]): TensorType[] => Array.from({ length: count }, () => types).flat();
  if (body instanceof DenseBody) {
    const reach = config.pointwiseKernel - 1;
    return each(devices, [ring(reach, features), ring(reach, pointwiseFeatures)]);
  }
  if (body instanceof BottleneckBody) {
    const outer = config.outerBottleneckKernel - 1;
    return [
      ...each(devices, [ring(outer, features)]),
      ring(devices * (config.innerBottleneckKernel - 1), devices * inner),
      ...each(devices, [ring(outer, inner)]),
    ];
  }
  if (!(body instanceof MixingBody)) throw new Error('a body of unknown kind');
  const { heads, contextLength } = config;
  const cache: TensorType = { shape: [batch * heads, contextLength, features / heads], dtype: 'f32' };
  const mixing = body.mixer[0] && ring(foldOf(body.mixer[0]).block, features);
  return each(devices, [...(mixing ? [mixing, mixing] : []), ...(body.attention.length > 0 ? [cache, cache] : [])]);
};

/** How a mixer folds a sequence: positions of a block, and from one position of an axis to the next. */
const foldOf = ({ options: { length, kernel }, blocks }: AxialMixer) => ({
  block: length / blocks,
  stride: length / (blocks * kernel),
});

/** Over n new positions behind `position` (i32 [B]) that are in the memory. */
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

  exchange(xs: readonly Tensor[], { before, middle, after }: Exchanged): readonly Tensor[] {
    const devices = xs.length;
    if (devices === 1) return [after[0]!.forward(this.convolve(middle[0]!, before[0]!.forward(xs[0]!)))];
    const count = xs[0]!.shape[1]!;
    // Each position is the business of one device: all do the work of all here, and the right one's is taken.
    const owner = bitAnd(this.positions(0, count), devices - 1); // [B, n]
    const owned = (of: (device: number) => Tensor): Tensor =>
      xs.slice(1).reduce((y, _, j) => select(expandDims(equal(owner, j + 1), -1), of(j + 1), y), of(0));
    const whole = concat(xs, -1); // [B, n, D I]
    const ring = this.write(owned((j) => before[j]!.forward(whole)));
    const [taps, inputs, outputs] = middle[0]!.weight.shape as readonly [number, number, number];
    const back = constantArray(
      multiples(taps, devices).map((far) => far - devices * (taps - 1)),
      [1, 1, taps],
      'i32',
    );
    const seen = readRing(ring, add(expandDims(this.positions(0, count), -1), back)); // [B, n, taps, D I]
    const flat = reshape(seen, [seen.shape[0]!, count, taps * inputs]);
    const y = owned((j) => after[j]!.forward(matmul(flat, reshape(middle[j]!.weight.value, [taps * inputs, outputs]))));
    return split(y, devices);
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

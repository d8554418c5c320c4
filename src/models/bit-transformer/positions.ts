import { Embedding, type Rotation, rotaryTables, sinusoidalFrequencies, sinusoidalTable } from '../../nn/index.js';
import {
  add,
  cast,
  constantArray,
  cos,
  expandDims,
  gather,
  iota,
  minimum,
  mul,
  reshape,
  type Shape,
  sin,
  slice,
  type Tensor,
} from '../../tensor/index.js';
import type { BitTransformerConfig } from './config.js';

/** What positions give to a model: vectors added to the embeddings, and angles by which queries and keys turn. */
export interface PositionValues {
  /** f32 [batch or 1, length, width] */
  readonly added?: Tensor;
  readonly rotation?: Rotation;
}

/** Tells positions apart, in one of three ways. */
export class Positions {
  private readonly kind: BitTransformerConfig['positions'];
  private readonly length: number;
  private readonly width: number;
  private readonly headDim: number;
  /** One vector for each position, for `learned`. */
  readonly learned: Embedding | undefined;

  constructor({ positions, contextLength, dModel, heads }: BitTransformerConfig) {
    this.kind = positions;
    this.length = contextLength;
    this.width = dModel;
    this.headDim = dModel / heads;
    this.learned = positions === 'learned' ? new Embedding({ count: contextLength, width: dModel }) : undefined;
  }

  /** For positions 0 .. length - 1 of every sequence: leading axis 1. */
  first(length: number): PositionValues {
    const rows = (table: Tensor): Tensor => expandDims(slice(table, { axis: 0, end: length }), 0);
    return this.values(length, rows);
  }

  /**
   * For `length` positions of windows that stand at `start` (i32 [batch]) of streams of any length. Turns only tell how far
   * queries and keys are apart, so those count from the window's first position; what is added tells the position itself.
   */
  within(start: Tensor, length: number): PositionValues {
    if (this.kind !== 'sinusoidal') return this.first(length);
    // sin(p f + t f) from the sines and cosines of p f, p the start, in f64: the same vectors wherever p lies.
    const { width } = this;
    const frequencies = constantArray(sinusoidalFrequencies(width), [1, 1, width], 'f64');
    const angle = mul(cast(reshape(start, [start.shape[0]!, 1, 1]), 'f64'), frequencies); // [batch, 1, width]
    const table = sinusoidalTable(length, width);
    const slopes = sinusoidalTable(length, width, { ahead: true });
    const rows = (values: Float64Array): Tensor => constantArray(values, [1, length, width]);
    const [sine, cosine] = [cast(sin(angle), 'f32'), cast(cos(angle), 'f32')];
    return { added: add(mul(rows(table), cosine), mul(rows(slopes), sine)) };
  }

  /** The turns of positions -count .. -1, where positions turn. */
  turnBefore(count: number): Rotation | undefined {
    if (this.kind !== 'rotary') return undefined;
    const { cos, sin } = rotaryTables(count, this.headDim, { first: -count });
    const rows = (values: Float64Array): Tensor => constantArray(values, [1, count, this.headDim / 2]);
    return { cos: rows(cos), sin: rows(sin) };
  }

  /** For `count` positions from `start` (i32 [batch]) on; see `at`. */
  from(start: Tensor, count: number): PositionValues {
    return this.at(add(expandDims(start, -1), iota(count))); // i32 [batch, count]
  }

  /**
   * For positions in any order (i32 [batch, n]): leading axis batch. Positions beyond the context length take the values of
   * the last one.
   */
  at(position: Tensor): PositionValues {
    const inside = minimum(position, this.length - 1);
    return this.values(this.length, (table) => gather(table, inside));
  }

  /** `rows` picks from tables [length, ...] of at least the first `length` positions. */
  private values(length: number, rows: (table: Tensor) => Tensor): PositionValues {
    switch (this.kind) {
      case 'learned':
        return { added: rows(this.learned!.weight.value) };
      case 'sinusoidal':
        return { added: rows(constantArray(sinusoidalTable(length, this.width), [length, this.width])) };
      case 'rotary': {
        const { cos, sin } = rotaryTables(length, this.headDim);
        const shape: Shape = [length, this.headDim / 2];
        return { rotation: { cos: rows(constantArray(cos, shape)), sin: rows(constantArray(sin, shape)) } };
      }
    }
  }
}

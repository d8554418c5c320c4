import type { Graph, Tensor } from '../tensor/graph.js';
import type { TensorType } from '../tensor/types.js';

/** Where an input of a program comes from: a leaf of a bound state, or an array handed over at the call. */
export interface ProgramInput {
  readonly tensor: Tensor;
  /** Argument position, and path inside that argument's tree. */
  readonly argument: number;
  readonly path: string;
  readonly kind: 'state' | 'array';
}

/** Where an output goes: back into a donated state's leaf, or out to the caller. */
export interface ProgramOutput {
  readonly tensor: Tensor;
  readonly path: string;
  /** Argument whose state it overwrites, with the leaf's path there. */
  readonly donated?: { readonly argument: number; readonly path: string };
}

/** A traced function with its interface: what executors run and exporters read. */
export interface Program {
  readonly graph: Graph;
  readonly inputs: readonly ProgramInput[];
  readonly outputs: readonly ProgramOutput[];
}

/** Layout of a state: every leaf at an aligned offset of one allocation, in tree order. */
export interface StateLayout {
  readonly leaves: ReadonlyMap<string, { readonly type: TensorType; readonly offset: number }>;
  readonly bytes: number;
}

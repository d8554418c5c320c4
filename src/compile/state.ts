import { NonetError } from '../core/errors.js';
import { type Tree, treeLeaves } from '../tensor/tree.js';
import { describeType, elementCount, sameShape, type TensorType, tensorBytes } from '../tensor/types.js';
import type { Executor, StateMemory } from './executor.js';
import { HostArray, newData } from './host-array.js';
import { align } from './lower/memory.js';
import type { StateLayout } from './program.js';

const isType = (value: unknown): value is TensorType =>
  typeof value === 'object' && value !== null && 'shape' in value && 'dtype' in value;

/** Leaves in tree order, each at an aligned offset. */
export const layoutOf = (tree: Tree<TensorType>): StateLayout => {
  const leaves = new Map<string, { type: TensorType; offset: number }>();
  let bytes = 0;
  for (const { path, value } of treeLeaves<TensorType>(tree, isType)) {
    leaves.set(path, { type: { shape: value.shape, dtype: value.dtype }, offset: bytes });
    bytes += align(tensorBytes(value));
  }
  return { leaves, bytes };
};

/**
 * A tree of tensors that lives in the executor's memory between calls: parameters, optimizer moments, caches. A compiled
 * function that donates a state consumes this handle and returns the next one; the memory is the same.
 */
export class State {
  readonly layout: StateLayout;
  readonly executor: Executor;
  private readonly memory: StateMemory;
  private donated = false;

  private constructor(executor: Executor, layout: StateLayout, memory: StateMemory) {
    this.executor = executor;
    this.layout = layout;
    this.memory = memory;
  }

  /** A state of that form, all zeros; leaves given as arrays are copied in. */
  static create(executor: Executor, tree: Tree<TensorType>): State {
    const layout = layoutOf(tree);
    const state = new State(executor, layout, executor.allocateState(layout));
    for (const { path, value } of treeLeaves<TensorType>(tree, isType)) {
      if (value instanceof HostArray) state.write(path, value);
    }
    return state;
  }

  /** The memory. Throws `E_DONATED` when the handle was given away. */
  open(): StateMemory {
    if (this.donated) {
      throw new NonetError('E_DONATED', 'this state was donated to a call; use the state which that call returned');
    }
    return this.memory;
  }

  /** Marks the handle as given away and returns the next one and a way back for calls that fail. */
  donate(): { next: State; restore: () => void } {
    const memory = this.open();
    this.donated = true;
    const restore = (): void => {
      this.donated = false;
    };
    return { next: new State(this.executor, this.layout, memory), restore };
  }

  get paths(): string[] {
    return [...this.layout.leaves.keys()];
  }

  has(path: string): boolean {
    return this.layout.leaves.has(path);
  }

  /** A copy of one leaf. Throws `E_SHAPE` if there is none of that path. */
  read(path: string): HostArray {
    const { type, offset } = this.leaf(path);
    const data = newData(type.dtype, elementCount(type.shape));
    this.open().read(offset, data, type.dtype);
    return new HostArray(data, type.shape, type.dtype);
  }

  /** Overwrites one leaf. Throws `E_SHAPE` when the type differs. */
  write(path: string, value: HostArray): void {
    const { type, offset } = this.leaf(path);
    if (value.dtype !== type.dtype || !sameShape(value.shape, type.shape)) {
      throw new NonetError('E_SHAPE', `${path} is ${describeType(type)}, not ${describeType(value)}`, { path });
    }
    this.open().write(offset, value.data, type.dtype);
  }

  /** Frees the memory now instead of when the handle is forgotten. */
  free(): void {
    const memory = this.open();
    this.donated = true;
    memory.free();
  }

  private leaf(path: string): { type: TensorType; offset: number } {
    const leaf = this.layout.leaves.get(path);
    if (!leaf) throw new NonetError('E_SHAPE', `the state has no leaf ${path}`, { path });
    return leaf;
  }
}

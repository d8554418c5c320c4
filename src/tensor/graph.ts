import { NonetError } from '../core/errors.js';
import type { OpDefinition } from './op.js';
import type { DType, Shape, TensorType } from './types.js';

/** A symbolic value: one output of one node. It holds no numbers. */
export class Tensor implements TensorType {
  readonly node: Node;
  readonly index: number;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly labels?: readonly (string | undefined)[];

  constructor(node: Node, index: number, type: TensorType) {
    this.node = node;
    this.index = index;
    this.shape = type.shape;
    this.dtype = type.dtype;
    if (type.labels) this.labels = type.labels;
  }
}

export type Attributes = Readonly<Record<string, unknown>>;

/** One op applied to values. Nodes are created in trace order and never change. */
export interface Node {
  /** Position in trace order. */
  readonly id: number;
  readonly op: OpDefinition;
  readonly inputs: readonly Tensor[];
  readonly attributes: Attributes;
  readonly outputs: readonly Tensor[];
  /** Module path while it was traced (`blocks.3.attention`), for messages, plans and telemetry. */
  readonly scope: string;
  /** Recomputed copies carry a fence: common subexpressions are merged only within the same fence. */
  readonly fence: number;
  /** Whether the value was known before and is only computed again, to save memory: model FLOPs leave it out. */
  readonly recomputed: boolean;
  /** The conditional block (see `skipIf`) that the node belongs to; 0 is the whole program. */
  readonly block: number;
  /** Live part of the leading dimension at run time (see `withExtent`); rows beyond it are unspecified. */
  readonly extent?: Tensor;
  /** What it does for all examples at once, where `vmap` made it. */
  readonly pattern?: Pattern;
}

/** A node traced for one example, and which of its operands are stacked in the one that takes all examples. */
export interface Pattern {
  readonly node: Node;
  readonly mapped: readonly boolean[];
}

/** The devices, or what else of a function's runs, that collectives work over. Two of one name differ in their ids. */
export interface NamedAxis {
  readonly name: string;
  readonly size: number;
  readonly id: number;
}

/** A traced function: nodes in trace order over static shapes. */
export class Graph {
  readonly nodes: Node[] = [];
  /** Parent of each conditional block; block 0 is the program itself. A `merge` node names its block and condition. */
  readonly blockParents: number[] = [0];
  /** Guards of functions that were only traced for others to be made after them (`vmap`): they end nothing. */
  readonly patternGuards = new Set<Node>();
  private nextStream = 0;
  private nextFence = 1;
  private nextAxis = 0;

  add(
    op: OpDefinition,
    inputs: readonly Tensor[],
    attributes: Attributes,
    types: readonly TensorType[],
    context: TraceContext,
  ): Node {
    const outputs: Tensor[] = [];
    const node: Node = {
      id: this.nodes.length,
      op,
      inputs,
      attributes,
      outputs,
      scope: context.scope,
      fence: context.fence,
      recomputed: context.recomputed,
      block: context.block,
      ...(context.extent ? { extent: context.extent } : {}),
      ...(context.pattern?.node.op === op ? { pattern: context.pattern } : {}),
    };
    types.forEach((type, index) => outputs.push(new Tensor(node, index, type)));
    this.nodes.push(node);
    return node;
  }

  /** A new stream id for a random op; copies of the op keep the id, so a rebuild draws the same numbers. */
  newStream(): number {
    return this.nextStream++;
  }

  /** Opens a conditional block inside `parent` and returns its id, for `TraceContext.block`. */
  openBlock(parent: number): number {
    this.blockParents.push(parent);
    return this.blockParents.length - 1;
  }

  newFence(): number {
    return this.nextFence++;
  }

  newAxis(name: string, size: number): NamedAxis {
    return { name, size, id: this.nextAxis++ };
  }
}

/** Where the trace stands: the graph and what the surrounding scopes say of new nodes. */
export interface TraceContext {
  readonly graph: Graph;
  readonly scope: string;
  readonly fence: number;
  readonly recomputed: boolean;
  readonly block: number;
  readonly extent?: Tensor;
  /** What layers round their values to (see `withPrecision`); nothing where it is missing. */
  readonly precision?: Precision;
  /** The axes that `vmap` and `withAxis` have named, for collectives. */
  readonly axes?: ReadonlyMap<string, NamedAxis>;
  /** The node whose batching rule is running. */
  readonly pattern?: Pattern;
}

/** How exactly layers compute: in float32, or in mixed precision with bf16 (see `withPrecision`). */
export type Precision = 'float32' | 'bf16';

let current: TraceContext | undefined;

/** The context of the running trace. Throws `E_TRACE` outside of one: ops are symbolic and only exist while tracing. */
export const traceContext = (): TraceContext => {
  if (!current) {
    throw new NonetError(
      'E_TRACE',
      'an op was called outside of a trace; call it inside a function given to compile()',
    );
  }
  return current;
};

export const isTracing = (): boolean => current !== undefined;

/** Runs `body` with a changed trace context and restores the old one, also when it throws. */
export const withContext = <R>(change: Partial<TraceContext>, body: () => R): R => {
  const before = current;
  const graph = change.graph ?? before?.graph;
  if (!graph) throw new NonetError('E_TRACE', 'no trace is running');
  current = { scope: '', fence: 0, recomputed: false, block: 0, ...before, ...change, graph };
  try {
    return body();
  } finally {
    current = before;
  }
};

/** Names the nodes that `body` creates: scopes nest with dots, `blocks.3` inside `model` is `model.blocks.3`. */
export const scope = <R>(name: string, body: () => R): R => {
  const outer = traceContext().scope;
  return withContext({ scope: outer === '' ? name : `${outer}.${name}` }, body);
};

/**
 * Bounds the leading dimension of every op traced in `body` at run time: only the first `extent` entries are computed,
 * the rest is unspecified and must not be read. Memory is planned for the whole shape.
 */
export const withExtent = <R>(extent: Tensor, body: () => R): R => withContext({ extent }, body);

/** Names an axis for the collectives traced in `body`; an outer one of the same name is out of sight there. */
export const withNamedAxis = <R>(axis: NamedAxis, body: () => R): R =>
  withContext({ axes: new Map([...(traceContext().axes ?? []), [axis.name, axis]]) }, body);

/**
 * Sets the precision of the layers traced in `body`. Under `bf16` operands of their products and attentions are rounded to
 * bf16, and what the backward pass needs of values between them is kept in bf16 (Micikevicius et al. 2018, Kalamkar et al.
 * 2019). Sums, norms, residual streams and losses stay in float32, as do parameters and their gradients.
 */
export const withPrecision = <R>(precision: Precision, body: () => R): R => withContext({ precision }, body);

import { NonetError } from '../core/errors.js';
import { type Attributes, type NamedAxis, type Node, type Tensor, traceContext } from './graph.js';
import { describeType, type ReferenceArray, type TensorType } from './types.js';

/** What an op costs: model FLOPs (a multiply-add is 2, the causal half is counted) and bytes that must move. */
export interface Cost {
  readonly flops: number;
  readonly bytes: number;
}

/** An operand for many examples at once: stacked along `axis`, or one that all of them share, whose `axis` is null. */
export interface Mapped {
  readonly tensor: Tensor;
  readonly axis: number | null;
}

/** What a batching rule is told of the examples: how many there are, and the axis that they are if it has a name. */
export interface Examples {
  readonly size: number;
  readonly axis?: NamedAxis;
}

/**
 * One primitive of the closed set, declared in one file: shape rule, gradient, batching rule, reference evaluation, cost.
 * `A` is the type of its attributes, which are plain JSON data.
 */
export interface OpDefinition<A extends Attributes = Attributes> {
  readonly name: string;
  /** One sentence for the op list in the docs. */
  readonly summary: string;
  /** Operand names, for docs and messages; a trailing `?` marks an optional one, `...` a list. */
  readonly operands: readonly string[];
  /** How the compiler treats it. */
  readonly kind: OpKind;
  /** Shape rule. Throws through `fail` with what was expected. */
  infer(inputs: readonly TensorType[], attributes: A, fail: (expected: string) => never): readonly TensorType[];
  /**
   * Gradient as graph ops: cotangents of the outputs (null where nothing flows) to cotangents of the inputs (null where
   * the op does not depend on an input smoothly). Without it the decomposition is differentiated instead.
   */
  gradient?(node: Node & { attributes: A }, cotangents: readonly (Tensor | null)[]): readonly (Tensor | null)[];
  /**
   * Batching rule: the op on many examples at once. At least one operand is mapped; the rule chooses along which axis the
   * results are, which should be where the operands already lie.
   */
  batch?(inputs: readonly Mapped[], attributes: A, examples: Examples): readonly Mapped[];
  /** The op gives every example numbers of its own even where all operands are shared. */
  readonly draws?: boolean;
  /** Plain evaluation in float64: the oracle that every kernel is compared with. */
  evaluate(inputs: readonly ReferenceArray[], attributes: A, outputs: readonly TensorType[]): readonly ReferenceArray[];
  cost?(inputs: readonly TensorType[], outputs: readonly TensorType[], attributes: A): Cost;
  /**
   * Operands that the op is linear in, each on its own. For a parameter there the squared-gradient channel takes the op's
   * gradient with the squares of the other operands and of the cotangents.
   */
  readonly linearIn?: number | readonly number[] | 'all';
  /** What the channel takes instead of `gradient`: of ops with a coefficient of -1, whose square is 1. */
  squaredGradient?(node: Node & { attributes: A }, squares: readonly (Tensor | null)[]): readonly (Tensor | null)[];
  /**
   * Number of examples that the gradient of an operand adds up. Unless told: the size of the first axis along which an
   * elementwise op repeats the operand, else that of the first axis of the output.
   */
  examplesOf?(node: Node & { attributes: A }, operand: number): number;
  /** The same function from primitives: what a fused op is tested against and transformed as where it has no rule. */
  decompose?(inputs: readonly Tensor[], attributes: A): readonly Tensor[];
}

/**
 * - `input`, `constant`: leaves.
 * - `elementwise`: same shape in and out after broadcasting; joins row programs.
 * - `reduction`: over trailing or leading axes; joins row programs.
 * - `view`: no arithmetic, can be an alias of its operand (reshape, split).
 * - `move`: copies data into another arrangement (transpose, concat, pad, gather).
 * - `kernel`: a kernel of its own (matmul, attention).
 * - `control`: guard, skipIf's merge.
 * - `collective`: over a named axis; `vmap` puts other ops in its place.
 */
export type OpKind =
  | 'input'
  | 'constant'
  | 'elementwise'
  | 'reduction'
  | 'view'
  | 'move'
  | 'kernel'
  | 'control'
  | 'collective';

/** Checks and names a definition; the returned value is what the op's function passes to `apply`. */
export const defineOp = <A extends Attributes>(definition: OpDefinition<A>): OpDefinition<A> => definition;

/** Adds a node to the running trace and returns its outputs. Shape errors name the op, the shapes and the caller's line. */
export const apply = <A extends Attributes>(
  op: OpDefinition<A>,
  inputs: readonly Tensor[],
  attributes: A,
): readonly Tensor[] => {
  const context = traceContext();
  const fail = (expected: string): never => {
    const got = inputs.map(describeType).join(', ');
    const at = callerLine();
    throw new NonetError('E_SHAPE', `${op.name}: ${expected}; got ${got}${at ? ` (at ${at})` : ''}`, {
      op: op.name,
      shapes: inputs.map((input) => input.shape),
      at,
    });
  };
  for (const input of inputs) {
    if (context.graph.nodes[input.node.id] !== input.node) {
      throw new NonetError('E_TRACE', `${op.name}: an operand belongs to another trace; pass it in as an argument`);
    }
  }
  const types = op.infer(inputs, attributes, fail);
  return context.graph.add(op as unknown as OpDefinition, inputs, attributes, types, context).outputs;
};

/** The tensor room: its folder, or its chunk of the bundle. */
const ownLine = /[\\/](?:(?:src|dist)[\\/]tensor[\\/]|dist[\\/]bundle[\\/]tensor\.js:)/;

/** First stack line outside of the tensor room: the user's call. */
const callerLine = (): string | undefined => {
  const lines = new Error().stack?.split('\n').slice(2) ?? [];
  const outside = lines.find((line) => !ownLine.test(line));
  return outside?.match(/\(?((?:file:\/\/)?[^\s()]+:\d+:\d+)\)?$/)?.[1];
};

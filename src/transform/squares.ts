import { type Node, type Tensor, traceContext, withContext } from '../tensor/graph.js';
import { add, alias, cast, mul } from '../tensor/index.js';
import { isFloat } from '../tensor/types.js';

/**
 * What a node's values are to the channel: parameters, be it as views, casts, sums or products of them with constants;
 * constants; or anything else, which depends on the examples.
 */
type Kind = 'parameter' | 'constant' | 'other';

/**
 * The squared-gradient channel of one differentiation. Next to the cotangent of a parameter w it carries
 *
 *     n vjp(f, x^2, w)(dy^2)
 *
 * for every op y = f(x, w) that is linear in w: the gradient's own contraction, of the squares of what it contracts, where n
 * is the number of examples that it adds up. For a loss that is a mean over the examples this estimates the mean of the
 * squares of their gradients; where each example has one position it is that mean (the "true gradient" second moment of the
 * public Olmax project). An op that is not linear in a parameter gives the square of the gradient.
 *
 * Squares are found by the cotangent that they belong to, so that they pass with it through rules of custom calls.
 */
export class SquaredChannel {
  private readonly parameters: ReadonlySet<Tensor>;
  private readonly kinds: Kind[] = [];
  private readonly squares = new Map<Tensor, Tensor>();

  constructor(parameters: Iterable<Tensor>) {
    this.parameters = new Set(parameters);
  }

  /** Whether a value is a parameter or depends on parameters and constants alone, linearly in each. */
  isParameter(tensor: Tensor, nodes: readonly Node[]): boolean {
    for (let id = this.kinds.length; id <= tensor.node.id; id++) this.kinds.push(this.kindOf(nodes[id]!));
    return this.kinds[tensor.node.id] === 'parameter';
  }

  /** The square that goes with a cotangent; of one that has none its own. */
  of(cotangent: Tensor): Tensor {
    return this.squares.get(cotangent) ?? squareOf(cotangent);
  }

  /** The same for what need not have one. */
  find(cotangent: Tensor): Tensor | undefined {
    return this.squares.get(cotangent);
  }

  /** The cotangent with a square to go with it, as a tensor of its own if it has one already. */
  attach(cotangent: Tensor, square: Tensor): Tensor {
    const own = this.squares.has(cotangent) ? alias(cotangent) : cotangent;
    this.squares.set(own, square);
    return own;
  }

  private kindOf(node: Node): Kind {
    const { op, inputs, outputs } = node;
    if (outputs.some((output) => this.parameters.has(output))) return 'parameter';
    if (op.kind === 'constant') return 'constant';
    const kinds = inputs.map((input) => this.kinds[input.node.id]!);
    if (inputs.length === 0 || op.draws || kinds.includes('other')) return 'other';
    if (!kinds.includes('parameter')) return 'constant';
    return kinds.every((kind, i) => kind === 'constant' || isLinearIn(node, i)) ? 'parameter' : 'other';
  }
}

let current: SquaredChannel | undefined;

/** Runs a backward pass, with all that are nested in it, that carries squares; with undefined one that does not. */
export const withSquares = <R>(channel: SquaredChannel | undefined, body: () => R): R => {
  const before = current;
  current = channel;
  try {
    return body();
  } finally {
    current = before;
  }
};

/** The channel of the running backward pass, if it has one. */
export const squaredChannel = (): SquaredChannel | undefined => current;

/**
 * For backward rules written by hand: a cotangent of a parameter with what its square in the squared-gradient channel is,
 * which is only computed where the running backward pass carries that channel. What comes from `vjp` has its square already.
 */
export const withSquare = (cotangent: Tensor, square: () => Tensor): Tensor =>
  current ? current.attach(cotangent, amongSquares(square)) : cotangent;

/** The sum of two cotangents, and of their squares. */
export const sumOfCotangents = (a: Tensor, b: Tensor): Tensor => {
  const total = sumOf(a, b);
  if (!current?.find(a) && !current?.find(b)) return total;
  return current.attach(total, sumOf(current.of(a), current.of(b)));
};

/** Traces what computes squares: by the scope, that of what uses them, their products are told from the model's. */
export const amongSquares = <R>(body: () => R): R => withContext({ scope: `optimizer.${traceContext().scope}` }, body);

export const isLinearIn = ({ op: { linearIn } }: Node, operand: number): boolean =>
  linearIn === 'all' || (Array.isArray(linearIn) ? linearIn.includes(operand) : linearIn === operand);

/** The node as the channel differentiates it in one operand, with the squares of all others. */
export const squaredNode = (node: Node, operand: number): Node => {
  const { op } = node;
  return {
    ...node,
    op: op.squaredGradient ? { ...op, gradient: op.squaredGradient } : op,
    inputs: node.inputs.map((input, i) => (i === operand || !isFloat(input.dtype) ? input : squareOf(input))),
  };
};

/** How many examples the gradient of that operand adds up; for each where `vmap` has stacked operands. */
export const examplesOf = (node: Node, operand: number): number => {
  const { pattern } = node;
  if (pattern?.mapped[operand]) return examplesOf(pattern.node, operand);
  if (node.op.examplesOf) return node.op.examplesOf(node, operand);
  const { shape } = node.outputs[0]!;
  const own = node.inputs[operand]!.shape;
  const missing = shape.length - own.length;
  const repeated = shape.find((size, axis) => size !== 1 && (axis < missing || own[axis - missing] === 1));
  return (node.op.kind === 'elementwise' ? repeated : undefined) ?? shape[0] ?? 1;
};

/** bf16 is a type of storage: what is computed with it is computed in f32 and rounded back. */
export const inArithmetic = (x: Tensor, compute: (x: Tensor) => Tensor): Tensor =>
  x.dtype === 'bf16' ? cast(compute(cast(x, 'f32')), 'bf16') : compute(x);

export const sumOf = (a: Tensor, b: Tensor): Tensor => inArithmetic(b, (more) => add(cast(a, more.dtype), more));

export const squareOf = (x: Tensor): Tensor => inArithmetic(x, (values) => mul(values, values));

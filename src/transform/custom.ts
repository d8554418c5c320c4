import { NonetError } from '../core/errors.js';
import { Tensor, traceContext, withContext } from '../tensor/graph.js';
import { cast } from '../tensor/index.js';
import { apply, defineOp } from '../tensor/op.js';
import { isFloat } from '../tensor/types.js';
import { latest, rebuild } from './rebuilt.js';
import { type Cotangents, copyRegion, listOf, pullRegion, type Region, traceRegion } from './region.js';

export type { Cotangents };

/** What a custom backward pass sees. `outputs` may stand in for `inputs`, which then die after the forward pass. */
export interface BackwardContext {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly cotangents: readonly (Tensor | null)[];
}

export type Rule = (context: BackwardContext, captured: readonly Tensor[]) => Cotangents;

/**
 * The values of a function with a gradient rule of its own: an identity on the values, with the arguments and captured
 * values lifted to operands, so that cotangents go to them and not through the function's nodes.
 */
export const customCall = defineOp({
  name: 'customCall',
  summary: 'Values of a function whose gradient is given by a rule; an identity once differentiated.',
  operands: ['values...', 'inputs...', 'captured...'],
  kind: 'view',
  infer: (inputs, attributes) => inputs.slice(0, attributes.values as number),
  evaluate: (inputs, attributes) => inputs.slice(0, attributes.values as number),
  gradient: (node, cotangents) => {
    const { values, arguments: count, rule } = node.attributes as { values: number; arguments: number; rule: Rule };
    const inputs = node.inputs.slice(values, values + count);
    const captured = node.inputs.slice(values + count);
    const result = rule({ inputs: inputs.map(latest), outputs: node.outputs.map(latest), cotangents }, captured);
    result.rebuilt?.forEach((copy, i) => {
      rebuild(inputs[i]!, copy);
    });
    const none = new Array<null>(values).fill(null);
    return [...none, ...result.inputs, ...captured.map((tensor) => result.captured?.get(tensor) ?? null)];
  },
});

/** A region with a backward pass of its own, which also gets the values that the region captured. */
export const callRegion = (region: Region, inputs: readonly Tensor[], rule: Rule): readonly Tensor[] =>
  apply(customCall, [...region.outputs, ...inputs, ...region.captured], {
    values: region.outputs.length,
    arguments: inputs.length,
    rule,
  });

/**
 * A function with its own backward pass: `backward` gets inputs, outputs and cotangents, and returns the cotangents of the
 * inputs; those of captured values (parameters) come from `vjp`'s pullback and are returned as `captured`.
 * Reversible layers, straight-through estimators and gradient-only loss terms are written with it.
 *
 * @example
 * const step = customGradient(
 *   (x) => [ops.sign(x!)],
 *   ({ cotangents }) => cotangents,
 * );
 * const slope = grad((x: Tensor) => ops.sum(ops.mul(step(x)[0]!, 3))); // 3 everywhere
 */
export const customGradient =
  (
    f: (...inputs: Tensor[]) => readonly Tensor[],
    backwardRule: (context: BackwardContext) => Cotangents | readonly (Tensor | null)[],
  ): ((...inputs: Tensor[]) => readonly Tensor[]) =>
  (...inputs) => {
    const region = traceRegion('customGradient', f, inputs);
    // The rule runs when the backward pass comes to it, and names the axes that are named here.
    const { axes } = traceContext();
    return callRegion(region, inputs, (context, captured) => {
      // What the rule computes again must not be merged with the forward pass: its values would be kept for it.
      const again = { fence: traceContext().graph.newFence(), recomputed: true, axes };
      const result = withContext(again, () => backwardRule(context));
      const cotangents: Cotangents = isWhole(result)
        ? result
        : { inputs: listOf('customGradient: the backward function', result, isCotangent) };
      if (cotangents.inputs.length !== inputs.length) {
        const counts = `${cotangents.inputs.length} cotangents for ${inputs.length} inputs`;
        throw new NonetError('E_TRACE', `customGradient: the backward function returned ${counts}`);
      }
      // The rule knows what it captured as it was traced; a copy of the call, as in `recompute`, stands on copies of that.
      const ofCaptured = region.captured.flatMap((tensor, i) => {
        const cotangent = cotangents.captured?.get(tensor);
        return cotangent ? [[captured[i]!, cotangent] as const] : [];
      });
      return { ...cotangents, captured: new Map(ofCaptured) };
    });
  };

const isWhole = (result: object | undefined): result is Cotangents => result !== undefined && 'inputs' in result;

const isCotangent = (value: unknown): value is Tensor | null => value === null || value instanceof Tensor;

/** `f(...inputs)` and the function that pulls cotangents of its outputs back to its inputs and captured values. */
export const vjp = (
  f: (...inputs: Tensor[]) => readonly Tensor[],
  ...inputs: Tensor[]
): { outputs: readonly Tensor[]; pullback: (cotangents: readonly (Tensor | null)[]) => Cotangents } => {
  const since = traceContext().graph.nodes.length;
  const region = traceRegion('vjp', f, inputs);
  return { outputs: region.outputs, pullback: (cotangents) => pullRegion(region, cotangents, since, region.captured) };
};

export interface RecomputeOptions {
  /** Type in which float inputs are kept; what is computed again starts from them as rounded to it. Their own unless told. */
  readonly keep?: 'bf16';
}

/**
 * Gradient checkpointing (Chen et al. 2016): the values between the inputs and the outputs of `f` are not kept for the
 * backward pass but computed again there, from the same random numbers. Gradients are the same bit for bit; with `keep` they
 * are those at the rounded inputs, while the outputs stay those of the inputs as they are.
 *
 * @example
 * const [y] = recompute((x) => [ops.gelu(ops.matmul(x!, weight))])(input); // nothing between input and y is kept
 */
export const recompute =
  (
    f: (...inputs: Tensor[]) => readonly Tensor[],
    { keep }: RecomputeOptions = {},
  ): ((...inputs: Tensor[]) => readonly Tensor[]) =>
  (...inputs) => {
    const region = traceRegion('recompute', f, inputs);
    // Rounded here, where the values are made: rounding them in the backward pass would keep them until then.
    const kept = keep ? inputs.map((input) => cast(input, isFloat(input.dtype) ? keep : input.dtype)) : [];
    return callRegion(region, [...inputs, ...kept], (context, captured) => {
      const { graph } = traceContext();
      const since = graph.nodes.length;
      // The fence keeps the copies from being merged with the forward nodes, which would keep those alive.
      return withContext({ fence: graph.newFence(), recomputed: true }, () => {
        const again = context.inputs.slice(kept.length).map((input, i) => cast(input, inputs[i]!.dtype));
        const copy = copyRegion(graph, region, again, captured);
        const pulled = pullRegion(copy, context.cotangents, since, captured);
        return { ...pulled, inputs: [...pulled.inputs, ...kept.map(() => null)] };
      });
    });
  };

import type { Node, Tensor } from '../tensor/graph.js';
import { cast, matmul, matmulOp, mul, reshape, sum } from '../tensor/index.js';
import { apply, type Examples, type Mapped } from '../tensor/op.js';
import { atAxis } from '../tensor/ops/mapped.js';
import { type BackwardContext, type Cotangents, customCall, type Rule } from './custom.js';
import type { Replayed } from './replay.js';
import { squaredChannel } from './squares.js';

/** Has a rule trace for one example and replayed for all, with what is mapped besides its operands. */
type ReplayRule = (
  rule: (...operands: Tensor[]) => Cotangents,
  operands: readonly Mapped[],
  known: ReadonlyMap<Tensor, Mapped>,
) => Replayed<Cotangents>;

/** A custom call of many examples: its rule, written for one, is replayed for all when the backward pass asks for it. */
export const mapCustomCall = (
  node: Node,
  operands: readonly Mapped[],
  examples: Examples,
  replayRule: ReplayRule,
): readonly Mapped[] => {
  const { values, arguments: count, rule } = node.attributes as { values: number; arguments: number; rule: Rule };
  // A result that all share would get one cotangent for all of them, from which those of the examples could not be told.
  const results = operands
    .slice(0, values)
    .map((result) => (result.axis === null ? repeated(result, examples) : result));
  const inputs = operands.slice(values, values + count);
  const captured = operands.slice(values + count);
  // Rules find what they captured by identity: they are told the tensors of the pattern.
  const originals = node.inputs.slice(values + count);

  const ruleForAll: Rule = (context, capturedNow) => {
    const known = new Map(originals.map((tensor, i) => [tensor, { ...captured[i]!, tensor: capturedNow[i]! }]));
    const { inputs: given, outputs, cotangents } = context;
    const flowing = cotangents.flatMap((cotangent, i) => (cotangent ? [{ ...results[i]!, tensor: cotangent }] : []));
    const { result, mappedOf } = replayRule(
      (...all) => rule(splitOperands(all, count, cotangents, values), originals),
      [
        ...inputs.map((input, i) => ({ ...input, tensor: given[i]! })),
        ...results.map((own, i) => ({ ...own, tensor: outputs[i]! })),
        ...flowing,
      ],
      known,
    );
    const channel = squaredChannel();
    const towards = (operand: Mapped, cotangent: Tensor | null | undefined): Tensor | null => {
      if (!cotangent) return null;
      const own = gathered(mappedOf(cotangent), operand, examples);
      const square = channel?.find(cotangent);
      return square ? channel!.attach(own, gathered(mappedOf(square), operand, examples)) : own;
    };
    const rebuilt = result.rebuilt?.map((copy, i) => {
      const { axis } = inputs[i]!;
      return axis === null ? given[i]! : atAxis(mappedOf(copy), axis, examples);
    });
    return {
      inputs: result.inputs.map((cotangent, i) => towards(inputs[i]!, cotangent)),
      captured: new Map(
        originals.flatMap((tensor, i) => {
          const cotangent = towards(captured[i]!, result.captured?.get(tensor));
          return cotangent ? [[capturedNow[i]!, cotangent] as const] : [];
        }),
      ),
      ...(rebuilt && { rebuilt }),
    };
  };

  const tensors = [...results, ...inputs, ...captured].map(({ tensor }) => tensor);
  const outputs = apply(customCall, tensors, { ...node.attributes, rule: ruleForAll });
  return outputs.map((tensor, i) => ({ ...results[i]!, tensor }));
};

/** Every tensor that a rule returned, squares of cotangents included. */
export const tensorsOf = ({ inputs, captured, rebuilt = [] }: Cotangents): Tensor[] => {
  const cotangents = [...inputs.filter((cotangent) => cotangent !== null), ...(captured?.values() ?? [])];
  const channel = squaredChannel();
  return [...cotangents, ...cotangents.flatMap((cotangent) => channel?.find(cotangent) ?? []), ...rebuilt];
};

/** Inputs, outputs and the cotangents that are there, as a rule takes them. */
const splitOperands = (
  operands: readonly Tensor[],
  inputs: number,
  cotangents: readonly (Tensor | null)[],
  outputs: number,
): BackwardContext => {
  const flowing = operands.slice(inputs + outputs);
  return {
    inputs: operands.slice(0, inputs),
    outputs: operands.slice(inputs, inputs + outputs),
    cotangents: cotangents.map((cotangent) => cotangent && flowing.shift()!),
  };
};

const repeated = (value: Mapped, examples: Examples): Mapped => ({ tensor: atAxis(value, 0, examples), axis: 0 });

/**
 * The sum over all examples of A^T B, which is what the gradient of a weight is, as one product over the rows of all of them:
 * a gradient for each example never exists. Undefined for anything else.
 */
const productOverAll = ({ tensor, axis }: Mapped): Tensor | undefined => {
  const { op, inputs, attributes } = tensor.node;
  const [a, b] = inputs;
  if (axis !== 0 || op !== matmulOp || !attributes.transposeA || attributes.transposeB) return undefined;
  if (a!.shape.length !== 3 || b!.shape.length !== 3) return undefined;
  const rows = (x: Tensor): Tensor => reshape(x, [-1, x.shape[2]!]);
  return matmul(rows(a!), rows(b!), { transposeA: true });
};

/** A cotangent in the form of its operand: where all examples share that, they add up. bf16 is added in f32. */
const gathered = (cotangent: Mapped, operand: Mapped, examples: Examples): Tensor => {
  if (operand.axis !== null) return atAxis(cotangent, operand.axis, examples);
  const { tensor, axis } = cotangent;
  const whole = productOverAll(cotangent);
  if (whole) return whole;
  const { dtype } = tensor;
  const wide = cast(tensor, dtype === 'bf16' ? 'f32' : dtype);
  return cast(axis === null ? mul(wide, examples.size) : sum(wide, { axes: [axis] }), dtype);
};

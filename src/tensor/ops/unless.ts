import { type Tensor, traceContext, withContext } from '../graph.js';
import { apply, type Mapped } from '../op.js';
import { describeType, sameShape } from '../types.js';
import { freeCost, type Primitive, primitive, shapeError } from './define.js';
import { atAxis, batchAligned } from './mapped.js';
import { selectOp } from './select.js';

type Attributes = {
  /** The conditional block that holds the body. */
  readonly block: number;
};

export const mergeOp: Primitive<Attributes> = primitive<Attributes>({
  name: 'merge',
  summary:
    'Where the two ways of a conditional block meet: the skipped values when the condition holds, else the body.',
  operands: ['condition', 'skipped...', 'body...'],
  attributeNames: ['block'],
  kind: 'control',
  infer: (inputs, _, fail) => {
    const [condition, ...values] = inputs;
    const count = values.length / 2;
    if (condition!.dtype !== 'bool' || condition!.shape.length > 0) fail('the condition must be a bool scalar');
    const same = values.slice(0, count).every((value, i) => {
      const other = values[count + i];
      return other && other.dtype === value.dtype && sameShape(other.shape, value.shape);
    });
    if (!same) fail('the body must return values of the types of the skipped ones');
    return values.slice(0, count).map(({ shape, dtype }) => ({ shape, dtype }));
  },
  // No gradient: skipped nodes leave their memory undefined, and a gradient would read it.
  evaluate: ([condition, ...values]) => {
    const count = values.length / 2;
    return condition!.data[0] ? values.slice(0, count) : values.slice(count);
  },
  // Where each example has a condition of its own there is nothing to jump over: the body was computed for all.
  batch: ([condition, ...values], attributes, examples) => {
    const count = values.length / 2;
    const pairs = values.slice(0, count).map((skipped, i) => [skipped, values[count + i]!] as const);
    if (condition!.axis !== null) {
      return pairs.flatMap((pair) => batchAligned(selectOp, [condition!, ...pair], {}, examples));
    }
    const axes = pairs.map((pair) => pair.find(({ axis }) => axis !== null)?.axis ?? null);
    const at = (value: Mapped, i: number): Tensor =>
      axes[i] == null ? value.tensor : atAxis(value, axes[i], examples);
    const [skipped, body] = [pairs.map(([value], i) => at(value, i)), pairs.map(([, value], i) => at(value, i))];
    const results = apply(mergeOp, [condition!.tensor, ...skipped, ...body], attributes);
    return results.map((tensor, i) => ({ tensor, axis: axes[i] ?? null }));
  },
  cost: freeCost,
});

/**
 * The values of `body`, unless `condition` (a bool scalar) holds: then `body` is not computed and the result is `skipped`,
 * which has values of the same types. What `body` computes may only be used through what it returns, and no gradient passes:
 * take it inside of `body`, or use `select`.
 */
export const unless = (condition: Tensor, skipped: readonly Tensor[], body: () => readonly Tensor[]): Tensor[] => {
  const { graph, block: parent } = traceContext();
  const block = graph.openBlock(parent);
  const values = withContext({ block }, body);
  if (values.length !== skipped.length) {
    const got = values.map(describeType).join(', ');
    throw shapeError('unless', skipped, `${skipped.length} values are expected of the body, which returned [${got}]`);
  }
  return [...apply(mergeOp, [condition, ...skipped, ...values], { block })];
};

import { NonetError } from '../../core/errors.js';
import { Graph, type Tensor, withContext } from '../graph.js';
import { describeType, elementCount, type ReferenceArray, sameShape } from '../types.js';
import { input } from './leaves.js';

/** Evaluates every node in trace order in float64. `given` holds the values of inputs; the result adds all others. */
export const evaluateGraph = (
  graph: Graph,
  given: ReadonlyMap<Tensor, ReferenceArray>,
): ReadonlyMap<Tensor, ReferenceArray> => {
  const values = new Map(given);
  for (const node of graph.nodes) {
    if (node.outputs.every((output) => values.has(output))) continue;
    const operands = node.inputs.map((operand) => values.get(operand)!);
    const results = node.op.evaluate(operands, node.attributes, node.outputs);
    node.outputs.forEach((output, i) => {
      const result = results[i];
      if (!result || result.dtype !== output.dtype || !sameShape(result.shape, output.shape)) {
        const got = result ? describeType(result) : 'nothing';
        throw new NonetError('E_PROGRAM', `${node.op.name} evaluates to ${got} where ${describeType(output)} is due`);
      }
      values.set(output, result);
    });
  }
  return values;
};

/** Traces `f` over inputs of the types of `arrays` and evaluates it on them: the way to run ops outside of a program. */
export const evaluateFunction = (
  f: (...inputs: Tensor[]) => readonly Tensor[],
  ...arrays: readonly ReferenceArray[]
): ReferenceArray[] => {
  const graph = new Graph();
  return withContext({ graph, scope: '', fence: 0, recomputed: false, block: 0 }, () => {
    const inputs = arrays.map((array, i) => input(array, { path: `${i}`, role: 'array' }));
    const results = f(...inputs);
    const values = evaluateGraph(graph, new Map(inputs.map((tensor, i) => [tensor, arrays[i]!])));
    return results.map((result) => values.get(result)!);
  });
};

/** A reference array of given numbers. */
export const array = (
  data: ArrayLike<number>,
  shape: readonly number[] = [data.length],
  dtype: ReferenceArray['dtype'] = 'f64',
): ReferenceArray => {
  if (elementCount(shape) !== data.length) {
    throw new NonetError('E_SHAPE', `${data.length} numbers do not fill [${shape.join(', ')}]`);
  }
  return { shape, dtype, data: Float64Array.from(data) };
};

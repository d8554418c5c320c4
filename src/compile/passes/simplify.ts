import type { Node, Tensor } from '../../tensor/graph.js';
import { sameShape } from '../../tensor/types.js';
import type { Program } from '../program.js';
import { liveNodes } from './dead-code.js';
import { rewrite } from './rewrite.js';
import { sourceOfReshapes } from './views.js';

/**
 * Dead code, identities and common subexpressions in one walk. Nothing here changes a bit of any result: only nodes that
 * compute the very same thing are merged, and only identities that hold for every float are removed.
 */
export const simplify = (program: Program): Program => {
  const live = liveNodes(program);
  const known = new Map<string, readonly Tensor[]>();
  const numbers = new Map<unknown, number>();
  const numberOf = (thing: unknown): number => {
    const before = numbers.get(thing);
    if (before !== undefined) return before;
    numbers.set(thing, numbers.size);
    return numbers.size - 1;
  };
  let newKey: string | undefined;
  return rewrite(
    program,
    (node) => live.has(node),
    (node, operands, extent) => {
      newKey = undefined;
      const same = identity(node, operands);
      if (same) return same;
      if (node.op.kind === 'input' || node.op.kind === 'control') return undefined;
      const key = [
        node.op.name,
        node.fence,
        node.block,
        extent ? numberOf(extent) : '',
        operands.map(numberOf).join(','),
        attributeKey(node, numberOf),
      ].join('|');
      const before = known.get(key);
      if (before) return before;
      newKey = key;
      return undefined;
    },
    (outputs) => {
      if (newKey !== undefined) known.set(newKey, outputs);
    },
  );
};

/** Values that a node merely passes on. */
const identity = (node: Node, operands: readonly Tensor[]): readonly Tensor[] | undefined => {
  const [first] = operands;
  if (!first) return undefined;
  switch (node.op.name) {
    case 'alias':
    case 'stopGradient':
      return [first];
    case 'customCall':
      return operands.slice(0, node.outputs.length);
    case 'reshape': {
      const base = sourceOfReshapes(first);
      return sameShape(base.shape, node.outputs[0]!.shape) ? [base] : undefined;
    }
    case 'broadcastTo':
    case 'cast':
      return first.dtype === node.outputs[0]!.dtype && sameShape(first.shape, node.outputs[0]!.shape)
        ? [first]
        : undefined;
    default:
      return undefined;
  }
};

const attributeKey = (node: Node, numberOf: (thing: unknown) => number): string => {
  let key = '';
  for (const output of node.outputs) key += `${output.dtype}[${output.shape}]`;
  for (const name in node.attributes) {
    const value = node.attributes[name];
    const plain = typeof value !== 'object' || (Array.isArray(value) && typeof value[0] !== 'object');
    key += plain ? `;${name}=${Object.is(value, -0) ? '-0' : String(value)}` : `;${name}#${numberOf(value)}`;
  }
  return key;
};

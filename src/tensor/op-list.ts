import { noGradient, type Primitive } from './ops/define.js';

/** The op list of the docs, a page of Markdown made from the definitions alone. */
export const renderOpList = (ops: readonly Primitive[]): string => {
  const rows = ops.map((op) =>
    [
      `\`${op.name}\``,
      op.kind,
      op.operands.join(', '),
      op.attributeNames?.join(', ') ?? '',
      op.summary,
      gradientWord(op),
      op.decompose ? 'yes' : '',
    ].map((cell) => cell.replaceAll('|', '\\|')),
  );
  return [
    '# Ops',
    '',
    `The closed set of ${ops.length} primitives that programs are made of. This page is generated: \`node scripts/op-list.mjs\`.`,
    '',
    'A `?` marks an optional operand, `...` a list. Gradient: `rule` is a rule of its own, `decomposition` the gradient of',
    'the same function made of other ops, `zero` says that none flows, `none` that asking for one is an error.',
    '',
    ...[
      ['Op', 'Kind', 'Operands', 'Attributes', 'What it computes', 'Gradient', 'Decomposition'],
      new Array<string>(7).fill('---'),
      ...rows,
    ].map((cells) => `| ${cells.join(' | ')} |`),
    '',
  ].join('\n');
};

const gradientWord = (op: Primitive): string => {
  if (op.gradient === noGradient) return 'zero';
  if (op.gradient) return 'rule';
  return op.decompose ? 'decomposition' : 'none';
};

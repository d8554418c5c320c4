import type { Unit } from '../passes/fuse.js';
import type { Space } from '../passes/space.js';
import type { Builder } from './builder.js';
import type { Instruction, Place } from './instruction.js';
import { slotClass } from './slots.js';

const gemmParameter = {
  m: 0,
  lda: 3,
  packed: 7,
  ldc: 8,
  batch0: 10,
  batch1: 11,
  extentUnit: 18,
  attached: 19,
} as const;

/**
 * Runs a row program inside the tasks of the product before it, on rows that are still in the cache. The bits are the
 * same as after it, since both work row by row.
 */
export const attachTo = (product: Instruction, program: Instruction, unit: Unit, builder: Builder): void => {
  const at = (key: keyof typeof gemmParameter): number => product.parameters[gemmParameter[key]] as number;
  const { rows } = unit.space!;
  const sums = [...unit.modes!.values()].some((mode) => mode.startsWith('sum'));
  const readsProduct = program.operands.some((place) => place?.buffer === product.operands[2]!.buffer);
  const plain = at('packed') === 1 && at('batch0') * at('batch1') === 1 && at('extentUnit') === 0 && !unit.extent;
  // A program over single elements in a row loses its rows when flattened; give them back.
  if (!plain || sums || !readsProduct || rows !== at('m') || unit.block !== builder.block) return;
  if (unit.nodes.some((node) => node.op.name.startsWith('random'))) return;
  const inStep = [product.operands[0]!, product.operands[2]!].every((place, i) =>
    walksLike(
      program,
      unit.space!,
      place,
      product.parameters[i === 0 ? gemmParameter.lda : gemmParameter.ldc] as number,
    ),
  );
  if (!inStep) return;
  if (program.parameters[2] === 1) unflatten(program, rows, unit.space!.columns);
  product.parameters[gemmParameter.attached] = 1;
  builder.attachLast();
};

/**
 * Whether all that a program sees of a matrix of the product belongs to the row that it is at: other rows may not be there
 * yet, or be overwritten already.
 */
const walksLike = ({ operands, parameters }: Instruction, space: Space, matrix: Place, leading: number): boolean => {
  const [flat, slots] = [parameters[2] === 1, parameters[5] as number];
  for (let i = 0; i < slots; i++) {
    const [kind, , operand, n0, n1, , , , s2] = parameters.slice(7 + i * 11) as number[];
    const place = operands[operand!];
    if (place?.buffer !== matrix.buffer) continue;
    const step = flat ? space.columns : s2;
    const ahead = place.offset - matrix.offset;
    const sameRow = ahead >= 0 && ahead < leading * 4;
    const perRow = kind === slotClass.memoryFull || kind === slotClass.memoryRow;
    if (!perRow || n0 !== 1 || n1 !== 1 || step !== leading || !sameRow) return false;
  }
  return true;
};

/** Slots of a flat program are dense: as rows they step by the number of columns. */
const unflatten = (program: Instruction, rows: number, columns: number): void => {
  program.parameters.splice(0, 3, rows, columns, 0);
  const slots = program.parameters[5] as number;
  for (let i = 0; i < slots; i++) {
    const at = 7 + i * 11;
    if (program.parameters[at] !== slotClass.memoryFull) continue;
    program.parameters.splice(at + 3, 6, 1, 1, rows, 0, 0, columns);
  }
};

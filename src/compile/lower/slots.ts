import type { Node } from '../../tensor/graph.js';
import type { DType, Shape } from '../../tensor/types.js';
import type { Space } from '../passes/space.js';
import type { Builder } from './builder.js';
import { type Buffer, collapse, isContiguous, spanBytes, type View } from './storage.js';

/** Slot classes of the native interpreter. */
export const slotClass = {
  full: 0,
  row: 1,
  memoryFull: 2,
  memoryRow: 3,
  memoryColumn: 4,
  memoryScalar: 5,
  columnSum: 6,
} as const;

/** An operand of the interpreter: a register, or memory walked by rows and columns. */
export interface Slot {
  class: number;
  dtype: number;
  view?: View;
  operand: number;
  levels: { sizes: number[]; strides: number[] };
  columnStride: number;
  span: number;
  /** Partial buffer of a column sum. */
  partial?: Buffer;
}

/** One instruction of a row program. `x` and `y` are immediates. */
export interface Step {
  opcode: number;
  destination: Slot;
  operands: Slot[];
  x: number;
  y: number;
}

export const registerDtype = (dtype: DType): number =>
  dtype === 'f64' ? 1 : dtype === 'f32' || dtype === 'bf16' ? 0 : 3;
export const memoryDtype: Record<DType, number> = { f32: 0, f64: 1, bf16: 2, i32: 3, u8: 4, bool: 5 };

/** A register for a block of rows x columns, or for one value per row. */
export const newRegister = (kind: 0 | 1, dtype: number): Slot => ({
  class: kind,
  dtype,
  operand: -1,
  levels: { sizes: [1, 1, 1], strides: [0, 0, 0] },
  columnStride: 0,
  span: 0,
});

/** What of memory a program reads or writes: a view as `target`, of a class or the one that fits; `perRow` values have no columns. */
export interface MemoryRequest {
  readonly view: View;
  readonly target: Shape;
  readonly kind?: number;
  readonly perRow?: boolean;
}

/** Describes memory as the interpreter walks it: up to three row levels, then columns. */
export const memorySlot = (
  builder: Builder,
  space: Space,
  nodes: readonly Node[],
  { view, target, kind, perRow = false }: MemoryRequest,
): Slot => {
  const rowLike = perRow || kind === slotClass.memoryRow;
  const columnAxis = rowLike ? -1 : target.length - 1;
  // The program's columns are the last dimension, or a run of trailing ones (reductions, sums over leading axes).
  let columns = 1;
  let cut = target.length;
  if (columnAxis >= 0) while (cut > 0 && columns < space.columns) columns *= target[--cut]!;
  const rowDims = collapse(target.slice(0, cut), view.strides.slice(0, cut));
  const columnDims = collapse(target.slice(cut), view.strides.slice(cut));
  const fits = rowDims.sizes.length <= 3 && columnDims.sizes.length <= 1 && (columnDims.strides[0]![0] ?? 0) <= 1;
  if (!fits) {
    const copy = builder.newContiguous(view.dtype, target);
    builder.copy({ ...view, shape: target }, copy, nodes);
    return memorySlot(builder, space, nodes, { view: copy, target, kind, perRow });
  }
  const columnStride = columnDims.sizes.length === 0 ? 0 : columnDims.strides[0]![0]!;
  const sizes = [...rowDims.sizes];
  const strides = [...rowDims.strides[0]!];
  while (sizes.length < 3) {
    sizes.unshift(1);
    strides.unshift(0);
  }
  const varies = strides.some((stride, i) => stride !== 0 && sizes[i]! > 1);
  const span = spanBytes({ ...view, shape: target });
  const chosen =
    kind ??
    (columnStride === 0
      ? varies
        ? slotClass.memoryRow
        : slotClass.memoryScalar
      : varies || space.rows === 1
        ? slotClass.memoryFull
        : slotClass.memoryColumn);
  const fullColumn = chosen === slotClass.memoryFull && space.columns === 1 ? 1 : columnStride;
  return {
    class: chosen,
    dtype: memoryDtype[view.dtype],
    view,
    operand: -1,
    levels: { sizes, strides },
    columnStride: fullColumn,
    span,
  };
};

/** Elementwise over dense values only: rows do not matter. */
export const isFlat = (steps: readonly Step[]): boolean =>
  steps.every((step) =>
    [step.destination, ...step.operands].every(
      (slot) =>
        slot.class === slotClass.full ||
        slot.class === slotClass.memoryScalar ||
        (slot.class === slotClass.memoryFull && slot.view && isContiguous(slot.view)),
    ),
  );

/** The words of a slot; see docs/engine.md. A flat program is one row of all elements. */
export const encodeSlot = (slot: Slot, { rows, columns }: Space, flat: boolean): number[] => {
  const { sizes, strides } = slot.levels;
  if (flat && slot.class === slotClass.memoryFull) {
    return [slot.class, slot.dtype, slot.operand, 1, 1, 1, 0, 0, rows * columns, 1, slot.span];
  }
  return [slot.class, slot.dtype, slot.operand, ...sizes, ...strides, slot.columnStride, slot.span];
};

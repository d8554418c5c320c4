import type { Tensor } from '../graph.js';
import { apply } from '../op.js';
import type { ReferenceArray } from '../types.js';
import { checkDType, noGradient, type Primitive, primitive, referenceZeros, streamingCost } from './define.js';
import { checkedIndex } from './gather.js';
import { unrolled } from './one-example.js';

type Attributes = { readonly groups: number };

export const sortByGroupOp: Primitive<Attributes> = primitive<Attributes>({
  name: 'sortByGroup',
  summary:
    'Brings entries of one group together, in their order: group [R, k] gives the row and the group at each place, the place of each entry, the sizes of groups.',
  operands: ['group'],
  attributeNames: ['groups'],
  kind: 'kernel',
  infer: ([group], { groups }, fail) => {
    checkDType(group!, ['i32'], 'the groups', fail);
    if (group!.shape.length !== 2) fail('the groups must be [rows, entries of a row]');
    return [group!, group!, group!, { shape: [groups], dtype: 'i32' }];
  },
  gradient: noGradient,
  evaluate: ([group], { groups }, outputs) => {
    const [rows, own, places, sizes] = outputs.map(referenceZeros) as [
      ReferenceArray,
      ReferenceArray,
      ReferenceArray,
      ReferenceArray,
    ];
    const perRow = group!.shape[1]!;
    const byGroup: number[][] = Array.from({ length: groups }, () => []);
    group!.data.forEach((value, entry) => {
      byGroup[checkedIndex('sortByGroup', value, groups)]!.push(entry);
    });
    byGroup.flat().forEach((entry, place) => {
      rows.data[place] = Math.floor(entry / perRow);
      own.data[place] = group!.data[entry]!;
      places.data[entry] = place;
    });
    sizes.data.set(byGroup.map((entries) => entries.length));
    return [rows, own, places, sizes];
  },
  batch: (inputs, attributes, examples) => unrolled(sortByGroupOp, inputs, attributes, examples),
  cost: (inputs, outputs) => streamingCost(inputs, outputs),
});

export interface SortedRows {
  /** The row of the entry at each place, i32 [R, k]. */
  readonly rows: Tensor;
  /** Its group, i32 [R, k]. */
  readonly groups: Tensor;
  /** The place of each entry, i32 [R, k]. */
  readonly places: Tensor;
  /** Entries of each group, i32 [groups]. */
  readonly sizes: Tensor;
}

/**
 * Orders the entries of `group` (i32 [R, k], each 0 .. groups - 1) by group, stably. A group outside of that ends the run
 * with `E_PROGRAM`. Under an extent only its rows are ordered; the others stay behind them and count in no size.
 */
export const sortByGroup = (group: Tensor, groups: number): SortedRows => {
  const [rows, own, places, sizes] = apply(sortByGroupOp, [group], { groups }) as [Tensor, Tensor, Tensor, Tensor];
  return { rows, groups: own, places, sizes };
};

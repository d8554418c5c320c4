import type { NamedArray, StoredDType } from '../checkpoint/index.js';
import { HostArray } from '../compile/host-array.js';
import type { State } from '../compile/state.js';
import { NonetError } from '../core/errors.js';
import { type DType, describeType, sameShape } from '../tensor/index.js';

const storedNames: Record<DType, StoredDType> = {
  f32: 'F32',
  f64: 'F64',
  bf16: 'BF16',
  i32: 'I32',
  u8: 'U8',
  bool: 'BOOL',
};
const dtypeOf = new Map(Object.entries(storedNames).map(([dtype, stored]) => [stored, dtype as DType]));

/** Copies of a state's leaves under a prefix, named by the rest of their paths, as they go into a checkpoint. */
export const readArrays = (state: State, prefix: string): NamedArray[] =>
  state.paths
    .filter((path) => path.startsWith(`${prefix}.`))
    .map((path) => {
      const { dtype, shape, data } = state.read(path);
      return { name: path.slice(prefix.length + 1), dtype: storedNames[dtype], shape, data };
    });

/**
 * Writes a checkpoint's arrays into the leaves under a prefix. Throws `E_CHECKPOINT` naming the first array that is
 * missing or of another type, before anything is written.
 */
export const writeArrays = (state: State, prefix: string, arrays: readonly NamedArray[], source: string): void => {
  const byName = new Map(arrays.map((array) => [array.name, array]));
  const leaves = state.paths.filter((path) => path.startsWith(`${prefix}.`));
  const values = leaves.map((path) => {
    const name = path.slice(prefix.length + 1);
    const array = byName.get(name);
    const { type } = state.layout.leaves.get(path)!;
    const dtype = array && dtypeOf.get(array.dtype);
    if (!array || !dtype || dtype !== type.dtype || !sameShape(array.shape, type.shape)) {
      const found = array && dtype ? describeType({ dtype, shape: array.shape }) : 'no such array';
      const message = `${source} does not fit the model: ${name} must be ${describeType(type)}, found ${found}`;
      throw new NonetError('E_CHECKPOINT', message, { name, source });
    }
    return { path, value: new HostArray(array.data, array.shape, dtype) };
  });
  for (const { path, value } of values) state.write(path, value);
};

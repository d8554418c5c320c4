/** Matrices, and tensors as lists of numbers, in plain float64: for the tests of optimizers that multiply them. */

export type Matrix = number[][];

export const rowsOf = (values: ArrayLike<number>, columns: number): Matrix =>
  Array.from({ length: values.length / columns }, (_, r) => Array.from(values).slice(r * columns, (r + 1) * columns));

export const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((total, x, k) => total + x * b[k]![j]!, 0)));

export const turned = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!));

/** Where a number of a tensor stands along an axis. */
const coordinate = (at: number, shape: readonly number[], axis: number): number =>
  Math.floor(at / shape.slice(axis + 1).reduce((stride, size) => stride * size, 1)) % shape[axis]!;

/** A row for each place along an axis, of all numbers there. */
export const alongRows = (values: readonly number[], shape: readonly number[], axis: number): Matrix =>
  Array.from({ length: shape[axis]! }, (_, i) => values.filter((_, at) => coordinate(at, shape, axis) === i));

/** The matrix times a tensor along one of its axes. */
export const timesAlong = (
  matrix: Matrix,
  values: readonly number[],
  shape: readonly number[],
  axis: number,
): number[] => {
  const rows = product(matrix, alongRows(values, shape, axis)).map((row) => row[Symbol.iterator]());
  return values.map((_, at) => rows[coordinate(at, shape, axis)]!.next().value as number);
};

/** Blocks of at most `size` along each axis: their shapes, and where in the tensor their numbers stand. */
export const plainBlocks = (shape: readonly number[], size: number): { shape: number[]; places: number[] }[] => {
  const blocks = new Map<string, number[]>();
  const count = shape.reduce((total, length) => total * length, 1);
  for (let at = 0; at < count; at++) {
    const key = shape.map((_, axis) => Math.floor(coordinate(at, shape, axis) / size)).join();
    blocks.set(key, [...(blocks.get(key) ?? []), at]);
  }
  return [...blocks.values()].map((places) => ({
    shape: shape.map((_, axis) => new Set(places.map((at) => coordinate(at, shape, axis))).size),
    places,
  }));
};

/** Eigenvalues and, in columns, eigenvectors of a symmetric matrix, by Jacobi's rotations. */
export const eigen = (matrix: Matrix): { values: number[]; vectors: Matrix } => {
  const n = matrix.length;
  const a = matrix.map((row) => [...row]);
  const vectors = a.map((_, i) => a.map((_, j) => Number(i === j)));
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (a[p]![q] === 0) continue;
        const angle = Math.atan2(2 * a[p]![q]!, a[q]![q]! - a[p]![p]!) / 2;
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        const rotate = (x: number, y: number): [number, number] => [c * x - s * y, s * x + c * y];
        for (const row of [...a, ...vectors]) [row[p], row[q]] = rotate(row[p]!, row[q]!);
        for (let k = 0; k < n; k++) [a[p]![k], a[q]![k]] = rotate(a[p]![k]!, a[q]![k]!);
      }
    }
  }
  return { values: a.map((row, i) => row[i]!), vectors };
};

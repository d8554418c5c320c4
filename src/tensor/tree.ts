/** Nested records and lists with leaves of one kind: parameters, optimizer state, batches, results. */
export type Tree<L> = L | readonly Tree<L>[] | { readonly [key: string]: Tree<L> };

export interface TreeLeaf<L> {
  /** Keys from the root joined by dots: `blocks.3.attention.qkv.weight`. */
  readonly path: string;
  readonly value: L;
}

const join = (prefix: string, key: string | number): string => (prefix === '' ? String(key) : `${prefix}.${key}`);

/** Leaves in order of their keys as written. `isLeaf` tells leaves from records. */
export const treeLeaves = <L>(tree: Tree<L>, isLeaf: (value: unknown) => value is L, prefix = ''): TreeLeaf<L>[] => {
  if (isLeaf(tree)) return [{ path: prefix, value: tree }];
  if (Array.isArray(tree)) return tree.flatMap((child, i) => treeLeaves(child as Tree<L>, isLeaf, join(prefix, i)));
  if (tree === null || typeof tree !== 'object') return [];
  return Object.entries(tree).flatMap(([key, child]) => treeLeaves(child as Tree<L>, isLeaf, join(prefix, key)));
};

/** The same tree with each leaf replaced. */
export const treeMap = <L, M>(
  tree: Tree<L>,
  isLeaf: (value: unknown) => value is L,
  change: (value: L, path: string) => M,
  prefix = '',
): Tree<M> => {
  if (isLeaf(tree)) return change(tree, prefix);
  if (Array.isArray(tree)) {
    return tree.map((child, i) => treeMap(child as Tree<L>, isLeaf, change, join(prefix, i)));
  }
  const out: Record<string, Tree<M>> = {};
  for (const [key, child] of Object.entries(tree as object)) {
    out[key] = treeMap(child as Tree<L>, isLeaf, change, join(prefix, key));
  }
  return out;
};

import { add, concat, reshape, softplus, split, sub, type Tensor } from '../../tensor/index.js';

/**
 * The nodes of the binary tree over patches (tree-head.ts of the bit transformer) that give every patch the probability that a
 * softmax gives it: logits [..., 2^P] to [..., 2^P - 1] in heap order. The logit of a node is the logarithm of the mass under
 * its right branch less that under its left; level by level from the leaves.
 */
export const nodesOfLogits = (logits: Tensor): Tensor => {
  const outer = logits.shape.slice(0, -1);
  const levels: Tensor[] = [];
  let masses = logits; // ln of the mass of each prefix, [..., 2^(d + 1)]
  while (masses.shape.at(-1)! > 1) {
    const count = masses.shape.at(-1)! / 2;
    const [zero, one] = split(reshape(masses, [...outer, count, 2]), 2).map((part) =>
      reshape(part, [...outer, count]),
    ) as [Tensor, Tensor];
    const nodes = sub(one, zero);
    levels.unshift(nodes);
    masses = add(zero, softplus(nodes));
  }
  return concat(levels);
};

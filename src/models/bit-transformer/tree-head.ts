import { Linear, Parameter, product } from '../../nn/index.js';
import {
  add,
  bitAnd,
  cast,
  concat,
  constant,
  constantArray,
  expandDims,
  mul,
  neg,
  reshape,
  shiftRight,
  slice,
  softplus,
  split,
  sub,
  type Tensor,
  takeAlong,
} from '../../tensor/index.js';

/*
 * A patch of P bits is a path from the root of a binary tree to one of its 2^P leaves, most significant bit first. The
 * inner nodes are the prefixes: the node of the d bits with value v has index 2^d - 1 + v (heap order, the root is 0). Its
 * logit z says how likely the next bit is 1: p = sigmoid(z). A patch costs the sum of its bits, exactly.
 */

/** Inner nodes of the tree over patches of P bits: 2^P - 1. */
export const nodeCount = (bitsPerPatch: number): number => 2 ** bitsPerPatch - 1;

/** Turns states [..., width] into node logits [..., 2^P - 1]: one product with a vector and a bias for each node. */
export class TreeHead extends Linear {
  constructor(width: number, bitsPerPatch: number) {
    // Zeros: an untrained model gives every bit one half, which costs ln 2.
    super({ inputs: width, outputs: nodeCount(bitsPerPatch), initializer: { kind: 'zeros' }, hidden: false });
  }
}

/** The head of flat bit models with a logit for each value of the bit; the node is their difference. */
export class ClassicHead extends Linear {
  constructor(width: number) {
    super({ inputs: width, outputs: 2, initializer: { kind: 'zeros' }, hidden: false });
  }

  /** state [..., width] to node logits [..., 1] */
  override forward(state: Tensor): Tensor {
    const [zero, one] = split(super.forward(state), 2) as [Tensor, Tensor];
    return sub(one, zero);
  }
}

/** A head whose node vectors come from the embeddings of the patches under the node; only biases are its own. */
export class TiedHead {
  readonly bias: Parameter;

  constructor(bitsPerPatch: number) {
    this.bias = new Parameter([nodeCount(bitsPerPatch)]);
  }

  /** state [..., width] and embeddings [2^P, width] to node logits [..., 2^P - 1] */
  forward(state: Tensor, embeddings: Tensor): Tensor {
    return add(product(state, nodeVectors(embeddings), { transposeB: true }), this.bias.value);
  }
}

/**
 * For each node the mean of the embeddings under its right (1) branch minus that under its left: [2^P, width] to
 * [2^P - 1, width]. Level by level from the leaves, so 2^(P+1) vector additions in all.
 */
export const nodeVectors = (embeddings: Tensor): Tensor => {
  const width = embeddings.shape[1]!;
  const levels: Tensor[] = [];
  let means = embeddings; // [2^(d+1), width]
  while (means.shape[0]! > 1) {
    const pairs = reshape(means, [means.shape[0]! / 2, 2 * width]);
    const [left, right] = split(pairs, 2) as [Tensor, Tensor]; // [2^d, width] each
    levels.unshift(sub(right, left));
    means = mul(add(left, right), 0.5);
  }
  return concat(levels, 0);
};

/**
 * What each bit of the true patches costs, -ln of its probability given all bits before it: node logits
 * [B, C, 2^P - 1] and patches (i32 [B, C]) to nats [B, C, P].
 */
export const bitCosts = (nodes: Tensor, patches: Tensor, bitsPerPatch: number): Tensor =>
  // -ln sigmoid(z) = softplus(-z) for a 1, softplus(z) for a 0: no difference of large numbers.
  softplus(errorLogits(nodes, patches, bitsPerPatch));

/** The logit, for each bit of the true patches, that it is the other one: of the same shapes as `bitCosts`. */
export const errorLogits = (nodes: Tensor, patches: Tensor, bitsPerPatch: number): Tensor => {
  const depths = Array.from({ length: bitsPerPatch }, (_, depth) => depth);
  const shifts = (by: (depth: number) => number): Tensor => constantArray(depths.map(by), [bitsPerPatch], 'i32');
  // With a 1 in front of its bits, the value above bit d is the number of the node plus one.
  const marked = expandDims(add(patches, 2 ** bitsPerPatch), -1); // [B, C, 1]
  const path = sub(
    shiftRight(
      marked,
      shifts((depth) => bitsPerPatch - depth),
    ),
    1,
  ); // [B, C, P]
  const bit = bitAnd(
    shiftRight(
      marked,
      shifts((depth) => bitsPerPatch - 1 - depth),
    ),
    1,
  ); // [B, C, P]
  const sign = sub(1, mul(cast(bit, nodes.dtype), 2));
  return mul(takeAlong(nodes, path), sign);
};

/** ln of the probability of every patch: node logits [N, 2^P - 1] to [N, 2^P]. */
export const leafLogProbabilities = (nodes: Tensor): Tensor => {
  const [rows, inner] = nodes.shape as readonly [number, number];
  let reached = constant(0, [rows, 1], nodes.dtype); // ln of the probability of each prefix, [N, 2^d]
  for (let size = 1; size <= inner; size *= 2) {
    const logits = slice(nodes, { start: size - 1, end: 2 * size - 1 }); // [N, 2^d]
    const zero = sub(reached, softplus(logits));
    const one = sub(reached, softplus(neg(logits)));
    reached = reshape(concat([expandDims(zero, -1), expandDims(one, -1)]), [rows, 2 * size]);
  }
  return reached;
};

import { type SlicedLossOptions, slicedLoss } from '../../nn/index.js';
import { argmax, cast, equal, reshape, sum, type Tensor } from '../../tensor/index.js';
import { grad } from '../../transform/index.js';
import { bitCosts, leafLogProbabilities } from '../bit-transformer/tree-head.js';

/** Of rows of nodes [n, 2^P - 1] and patches i32 [n, 1] the nats of each bit, [n, P]. */
const costsOf = (nodes: Tensor, patches: Tensor): Tensor =>
  bitCosts(nodes, reshape(patches, [-1]), Math.log2(nodes.shape[1]! + 1));

/**
 * Cross entropy of the binary tree over patches whose node logits are a projection, `states` [..., features] by `weight`
 * [features, 2^P - 1], with the patches that `targets` (i32 [...]) are: the mean nats per patch, which is the sum of its bits,
 * and the share of patches that were the most probable. Nodes exist for a slice of the rows at a time; see `slicedLoss`.
 */
export const slicedTreeLoss = (
  states: Tensor,
  weight: Tensor,
  targets: Tensor,
  options: SlicedLossOptions = {},
): { loss: Tensor; accuracy: Tensor } =>
  slicedLoss(
    states,
    weight,
    targets,
    {
      costs: (nodes, patches) => cast(costsOf(nodes, patches), 'f64'),
      hits: (nodes, patches) => equal(argmax(leafLogProbabilities(nodes)), reshape(patches, [-1])),
      slopes: (nodes, patches) => grad((z: Tensor) => sum(costsOf(z, patches)))(nodes),
    },
    options,
  );

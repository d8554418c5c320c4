import { add, mul, type Tensor } from '../../tensor/index.js';
import { type Branch, couple, type Streams } from '../../transform/index.js';

/** What runs through the blocks, [batch, length, dModel] each: one residual stream, or two that are coupled. */
export type Residual = readonly [Tensor] | Streams;

/** Both streams begin as copies of the embedding (B4). */
export const openStreams = (x: Tensor, isReversible: boolean): Residual => (isReversible ? [x, x] : [x]);

/** Two streams end as their mean. */
export const closeStreams = ([x1, x2]: Residual): Tensor => (x2 ? mul(add(x1, x2), 0.5) : x1);

/**
 * One layer: `x + attend(x)`, then `x + feed(x)`, on one stream that is itself never normalised; or the coupling
 * `y1 = x1 + attend(x2)`, `y2 = x2 + feed(y1)` of two.
 */
export const addBranches = (streams: Residual, attend: Branch, feed: Branch): Residual => {
  if (streams.length === 2) return couple(attend, feed, streams);
  const [x] = streams;
  const attended = add(x, attend(x));
  return [add(attended, feed(attended))];
};

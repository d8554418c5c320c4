/**
 * How much faster a program could be on two threads if each of its calls gained what the machine gives for such work:
 * products and attention what multiply-adds gain, anything else what reading gains from where its data lie.
 *
 * @param calls kernel calls with their seconds on one thread
 * @param gains `{ fma, l2, l3, memory }`
 * @param sets bytes up to which the data of a thread lie in a cache: `{ l2, l3 }`
 */
export const gainOfMix = (calls, gains, sets) => {
  let [alone, together] = [0, 0];
  for (const call of calls) {
    alone += call.seconds;
    together += call.seconds / gains[limitOf(call, sets)];
  }
  return alone / together;
};

const arithmetic = new Set(['matmul', 'attention', 'attentionGradient']);

const limitOf = ({ ops, bytes }, sets) => {
  if (ops.some((op) => arithmetic.has(op))) return 'fma';
  if (bytes <= sets.l2) return 'l2';
  return bytes <= sets.l3 ? 'l3' : 'memory';
};

import { formatCount } from '../../core/format.js';
import { type CompressorFigures, comparison } from './bits-per-byte.js';
import { facts } from './table.js';

/** What an evaluation tells; part of what `evaluateRun` returns. */
export interface EvaluationFigures {
  readonly bitsPerByte: number;
  readonly parityCrossEntropy: number | null;
  readonly bytes: number;
  /** Patches. */
  readonly context: number;
  readonly stride: number | null;
  /** Layers that a position ran through, of models that halt. */
  readonly meanDepth?: number;
  /** How the experts were used, of models that have some. */
  readonly experts?: { readonly usage: readonly (readonly number[])[]; readonly hottest: number };
  /** Behind each layer that any position ran through: the mean sum of halting probabilities. */
  readonly haltProbs?: readonly number[];
  readonly stream?: true;
  readonly compressors: CompressorFigures | null;
}

/** An evaluation for people. */
export const evaluationReport = (evaluation: EvaluationFigures): string => {
  const { bitsPerByte, parityCrossEntropy, bytes, context, stride, stream, compressors } = evaluation;
  const { meanDepth, haltProbs, experts } = evaluation;
  const apart = stride === null ? 'windows that do not overlap' : `windows that move on by ${stride} bytes`;
  const windows = stream ? 'one pass, window by window,' : apart;
  return (
    `${bitsPerByte.toFixed(4)} bits per byte over ${formatCount(bytes)} bytes, in ${windows} of ${context} patches\n` +
    facts([
      [
        'parity bits',
        parityCrossEntropy === null ? undefined : `${parityCrossEntropy.toFixed(5)} nats of cross entropy, apart`,
      ],
      ['layers', meanDepth === undefined ? undefined : `${meanDepth.toFixed(2)} a position`],
      ['experts', experts && `the hottest has ${experts.hottest.toFixed(2)} times the mean`],
      [
        'halted',
        haltProbs && `${haltProbs.map((sum) => sum.toFixed(3)).join(' ')} of the probability behind each layer`,
      ],
    ]) +
    comparison(bitsPerByte, compressors)
  );
};

/** An evaluation for programs. */
export const evaluationJson = (evaluation: EvaluationFigures, perByte?: Float32Array): unknown => {
  const { bitsPerByte, parityCrossEntropy, bytes, context, stride, stream, compressors } = evaluation;
  const { meanDepth, haltProbs, experts } = evaluation;
  const depth = {
    ...(meanDepth !== undefined && { meanDepth }),
    ...(haltProbs && { haltProbs }),
    ...(experts && { experts }),
  };
  const surprise = perByte && { perByte: Array.from(perByte, (bits) => Number(bits.toFixed(4))) };
  return {
    bitsPerByte,
    parityCrossEntropy,
    bytes,
    context,
    stride,
    ...(stream && { stream }),
    ...depth,
    compressors,
    ...surprise,
  };
};

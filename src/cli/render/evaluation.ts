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
  readonly compressors: CompressorFigures | null;
}

/** An evaluation for people. */
export const evaluationReport = (evaluation: EvaluationFigures): string => {
  const { bitsPerByte, parityCrossEntropy, bytes, context, stride, meanDepth, experts, compressors } = evaluation;
  const windows = stride === null ? 'windows that do not overlap' : `windows that move on by ${stride} bytes`;
  return (
    `${bitsPerByte.toFixed(4)} bits per byte over ${formatCount(bytes)} bytes, in ${windows} of ${context} patches\n` +
    facts([
      [
        'parity bits',
        parityCrossEntropy === null ? undefined : `${parityCrossEntropy.toFixed(5)} nats of cross entropy, apart`,
      ],
      ['layers', meanDepth === undefined ? undefined : `${meanDepth.toFixed(2)} a position`],
      ['experts', experts && `the hottest has ${experts.hottest.toFixed(2)} times the mean`],
    ]) +
    comparison(bitsPerByte, compressors)
  );
};

/** An evaluation for programs. */
export const evaluationJson = (evaluation: EvaluationFigures, perByte?: Float32Array): unknown => {
  const { bitsPerByte, parityCrossEntropy, bytes, context, stride, meanDepth, experts, compressors } = evaluation;
  const depth = { ...(meanDepth !== undefined && { meanDepth }), ...(experts && { experts }) };
  const surprise = perByte && { perByte: Array.from(perByte, (bits) => Number(bits.toFixed(4))) };
  return { bitsPerByte, parityCrossEntropy, bytes, context, stride, ...depth, compressors, ...surprise };
};

import { formatBytes, formatCount, formatDuration, formatPercent, formatRate } from '../../core/format.js';
import { facts } from './table.js';

/** What training tells at its end; part of `TrainResult`. */
export interface TrainFigures {
  readonly runFolder: string;
  readonly steps: number;
  readonly seconds: number;
  readonly bytesPerSecond: number;
  readonly gflops: number;
  readonly peakShare: number | null;
  readonly executedPeakShare?: number | null;
  readonly trainSeconds: number;
  readonly trend: {
    readonly medians: readonly { readonly steps: number; readonly loss: number }[];
    readonly bytesPerDay?: number;
    readonly parameterBytesPerDay?: number;
  };
  readonly batchBytes: number;
  readonly dataWaitSeconds: number;
  readonly batchKinds?: { readonly plain: number; readonly compressed: number; readonly direct: number };
  readonly parameters: number;
  readonly trainedParameters: number;
  readonly writesBytes: boolean;
  readonly validation?: {
    readonly bitsPerByte: number;
    readonly parityCrossEntropy: number | null;
    readonly bytes: number;
  };
  readonly best?: { readonly step: number; readonly bitsPerByte: number; readonly bytes: number };
  readonly stoppedEarly?: boolean;
  readonly interrupted: boolean;
}

/** The end of `nonet train`: what came out, and what can be done with it. */
export const trainReport = (result: TrainFigures, run: string): string => {
  const { steps, seconds, validation, best, interrupted } = result;
  if (interrupted) {
    return `stopped after step ${steps}, which is saved. Go on with:\n  nonet train --resume ${run}\n`;
  }
  return (
    `done with step ${steps}, after ${formatDuration(seconds)}${result.stoppedEarly ? ': evaluations no longer improved' : ''}\n` +
    facts([
      [
        'validation',
        validation && `${validation.bitsPerByte.toFixed(4)} bits per byte over ${formatCount(validation.bytes)} bytes`,
      ],
      [
        'best',
        best && best.step < steps
          ? `${best.bitsPerByte.toFixed(4)} over ${formatCount(best.bytes)} bytes at step ${best.step}: ${run}@best`
          : undefined,
      ],
      ['parity bits', parity(validation?.parityCrossEntropy)],
      ['parameters', parameterText(result)],
      // A run that had nothing left to do has no speed.
      ['speed', Number.isFinite(result.bytesPerSecond) ? speed(result) : undefined],
      ['usual steps', trend(result.trend)],
      ['batches', Number.isFinite(result.bytesPerSecond) ? batches(result) : undefined],
      ['run', result.runFolder],
    ]) +
    `next:\n${result.writesBytes ? `  nonet generate ${run}\n` : ''}  nonet evaluate ${run}\n`
  );
};

/** `1.2 MB/s, 80.1 GFLOP/s, 52.0% of peak (70.0% with what is computed again)`. */
export const speed = ({
  bytesPerSecond,
  gflops,
  peakShare,
  executedPeakShare,
}: Pick<TrainFigures, 'bytesPerSecond' | 'gflops' | 'peakShare' | 'executedPeakShare'>): string => {
  const all = executedPeakShare && formatPercent(executedPeakShare);
  const share = peakShare === null ? '' : formatPercent(peakShare);
  const more = all && all !== share ? ` (${all} with what is computed again and by the optimizer)` : '';
  return [
    formatRate(bytesPerSecond, 'B'),
    formatRate(gflops * 1e9, 'FLOP'),
    ...(share ? [`${share} of the measured peak${more}`] : []),
  ].join(', ');
};

/** `median loss 0.3457 over 64 steps, 0.3501 over 256; 1.2 GB a day, 3.4 P parameter bytes a day`. */
const trend = ({ medians, bytesPerDay, parameterBytesPerDay }: TrainFigures['trend']): string | undefined => {
  const losses = medians.map(({ steps, loss }) => `${loss.toFixed(4)} over ${steps}`);
  const perDay = [
    bytesPerDay && `${formatBytes(bytesPerDay)} a day`,
    parameterBytesPerDay && `${formatCount(parameterBytesPerDay)} parameter bytes a day`,
  ];
  const parts = [losses.length > 0 && `median loss ${losses.join(', ')} steps`, ...perDay];
  return parts.filter(Boolean).join('; ') || undefined;
};

/** `32.8 kB to the core, waited for 0.2% of the time; steps: 80 plain, 15 compressed, 5 direct`. */
const batches = ({ batchBytes, dataWaitSeconds, trainSeconds, batchKinds: kinds }: TrainFigures): string =>
  `${formatBytes(batchBytes)} to the core, waited for ${formatPercent(dataWaitSeconds / trainSeconds)} of the time` +
  (kinds ? `; steps: ${kinds.plain} plain, ${kinds.compressed} compressed, ${kinds.direct} direct` : '');

/** `64.2 k`, and with adapters how many of them are trained. */
const parameterText = ({ parameters, trainedParameters }: TrainFigures): string =>
  formatCount(parameters) +
  (trainedParameters < parameters ? `, ${formatCount(trainedParameters)} of them trained` : '');

const parity = (crossEntropy: number | null | undefined): string | undefined =>
  typeof crossEntropy === 'number' ? `${crossEntropy.toFixed(5)} nats of cross entropy` : undefined;

import { formatCount, formatDuration } from '../../core/format.js';
import { type CompressorFigures, comparison, savingOverXz } from './bits-per-byte.js';
import { facts } from './table.js';
import { speed } from './train-report.js';

/** `summary.json` of the quickstart. */
export interface QuickstartSummary {
  readonly validation: { readonly bitsPerByte: number; readonly bytes: number; readonly context: number };
  readonly compressors: Pick<CompressorFigures, 'gzip' | 'bzip2' | 'xz' | 'zstd'>;
  /** Of training, wall time. */
  readonly seconds: number;
  readonly bytesPerSecond: number;
  readonly gflops: number;
  readonly peakShare: number | null;
  readonly parameters: number;
  readonly sample: string;
}

/** The end of the quickstart: what came out, and what to try next. */
export const quickstartReport = (summary: QuickstartSummary, run: string, folder: string): string => {
  const { validation, compressors, seconds, parameters, sample } = summary;
  const saving = savingOverXz(validation.bitsPerByte, { ...compressors });
  return [
    `${formatCount(validation.bytes)} bytes of the book that the model has never seen${saving ? `, ${saving} makes them` : ''}:`,
    comparison(validation.bitsPerByte, compressors),
    'It writes:',
    `${indented(sample)}\n`,
    'How it was made:',
    facts([
      ['time', formatDuration(seconds)],
      ['parameters', formatCount(parameters)],
      ['speed', speed(summary)],
      ['run', folder],
    ]),
    'What to try next:',
    facts([
      ['let it write', `npx nonet generate ${run} --prompt "The whale " --bytes 400`],
      ['see what surprises it', `npx nonet evaluate ${run} --per-byte`],
      ['train your own text', 'npx nonet init book.txt && npx nonet train recipe.yaml'],
      ['know this machine', 'npx nonet doctor'],
    ]),
  ].join('\n');
};

const indented = (text: string): string =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`.trimEnd())
    .join('\n');

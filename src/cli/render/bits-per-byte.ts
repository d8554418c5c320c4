import { facts } from './table.js';

/** A size in bits per byte, or why there is none; what `train/compressors.ts` gives. */
export type Figure = number | null | { readonly missing: string } | undefined;

export interface CompressorFigures {
  readonly gzip: Figure;
  readonly bzip2: Figure;
  readonly xz: Figure;
  readonly zstd: Figure;
  readonly xzConditional?: Figure;
}

const labels: Readonly<Record<keyof CompressorFigures, string>> = {
  gzip: 'gzip -9',
  bzip2: 'bzip2 -9',
  xz: 'xz -9e',
  zstd: 'zstd -19',
  xzConditional: 'xz that knows the training part',
};

/** The model's bits per byte among those of the compressors, best first; tools that are missing stand at the end. */
export const comparison = (bitsPerByte: number, compressors: CompressorFigures | null): string => {
  const measured: [string, number][] = [['this model', bitsPerByte]];
  const missing: [string, string][] = [];
  for (const [name, label] of Object.entries(labels)) {
    const figure = compressors?.[name as keyof CompressorFigures];
    if (typeof figure === 'number') measured.push([label, figure]);
    else if (figure) missing.push([label, figure.missing]);
  }
  measured.sort(([, a], [, b]) => a - b);
  return facts([
    ...measured.map(([name, value]): [string, string] => [name, `${value.toFixed(3)} bits per byte`]),
    ...missing,
  ]);
};

/** In how much less room than `xz -9e` the model would store the text; undefined where xz is missing. */
export const savingOverXz = (bitsPerByte: number, compressors: CompressorFigures | null): string | undefined => {
  const xz = compressors?.xz;
  if (typeof xz !== 'number') return undefined;
  const share = Math.abs(1 - bitsPerByte / xz) * 100;
  return bitsPerByte < xz ? `${share.toFixed(0)}% smaller than xz -9e` : `${share.toFixed(0)}% larger than xz -9e`;
};

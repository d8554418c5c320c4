import { NonetError } from '../core/errors.js';
import { memoryStore, openDataset, prepareData } from '../data/index.js';
import { writeAttention } from './attention.js';
import { type CompressorSizes, compressorSizes } from './compressors.js';
import { preparedFolder } from './data.js';
import { type LoadOptions, loadRun } from './load.js';
import { createScorer, type Score } from './score.js';

export interface EvaluateOptions extends LoadOptions {
  /** Other data than the validation part of the run; all of it is scored, read as the run's `data` says. */
  readonly data?: string;
  /**
   * Whether the data is scored in one pass, as a stream that is longer than the context; needs model.chunkSize and overlap. Unless
   * told, of runs with train.stream without a `stride`.
   */
  readonly stream?: boolean;
  /** Bytes between windows; without it they do not overlap. */
  readonly stride?: number;
  readonly perByte?: boolean;
  /** A file that gets the attention of the first window, as safetensors; see `attentionOf`. */
  readonly attention?: string;
  /** Leave the compressors out. */
  readonly compressors?: boolean;
  readonly onProgress?: (windows: number, of: number) => void;
}

export interface Evaluation extends Score {
  readonly compressors: CompressorSizes | null;
  /** The bytes, when `perByte` was asked for. */
  readonly data?: Uint8Array;
}

/**
 * Scores a run on its validation part or on other data, beside general-purpose compressors.
 * Throws `E_RUN`, `E_CHECKPOINT`, `E_DATA` (nothing to score), `E_CONFIG` (stride longer than the context; no model for streams).
 */
export const evaluateRun = async (pathOrName: string, options: EvaluateOptions = {}): Promise<Evaluation> => {
  const { config, model, state } = await loadRun(pathOrName, options);
  const { parity } = config.data;
  const { stride, stream = config.train.stream && stride === undefined } = options;
  if (stream && stride !== undefined) {
    throw new NonetError('E_CONFIG', 'a stream is one pass: it has no stride; give one of the two');
  }
  const folder = preparedFolder(config);
  const prepared =
    options.data === undefined
      ? await prepareData(config.data, folder)
      : await prepareData(
          { ...config.data, path: options.data, validationPath: undefined, validationShare: 0 },
          folder,
        );
  if (options.data !== undefined) for (const warning of prepared.warnings) options.warn?.(warning);
  const dataset = await openDataset(prepared.folder);
  try {
    const store = options.data === undefined ? dataset.validationBytes : dataset.trainBytes;
    const bytes = store.read(0, store.length).slice();
    const score = await createScorer(model)(state, memoryStore(bytes), {
      ...options,
      parity,
      stream,
      allowShort: options.data !== undefined,
    });
    if (options.attention !== undefined) {
      await writeAttention(options.attention, model, state, memoryStore(bytes), parity);
    }
    const compressors =
      options.compressors === false ? null : await compressorSizes(bytes, trainSource(options, dataset));
    return { ...score, compressors, ...(options.perByte && { data: bytes }) };
  } finally {
    dataset.close();
    state.free();
  }
};

/** The training bytes in pieces, for the conditional size; only where the run's own split is scored. */
const trainSource = (
  options: EvaluateOptions,
  dataset: { trainBytes: { length: number; read(o: number, n: number): Uint8Array } },
) => {
  if (options.data !== undefined) return undefined;
  const { trainBytes } = dataset;
  const piece = 1 << 20;
  return function* () {
    for (let at = 0; at < trainBytes.length; at += piece)
      yield trainBytes.read(at, Math.min(piece, trainBytes.length - at)).slice();
  };
};

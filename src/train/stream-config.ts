import { NonetError } from '../core/errors.js';
import { type ModelConfig, streamObstacle } from '../models/index.js';

interface Sections {
  readonly model: ModelConfig;
  readonly train: {
    readonly stream: boolean;
    readonly spike: string;
    readonly extraSteps: number;
    readonly compression?: object;
  };
  readonly data: { readonly parity: boolean; readonly shuffleBytes: number };
}

/** Throws `E_CONFIG` for what `train.stream` does not go with, naming both. */
export const requireStreamConfig = (config: Sections): void => {
  const obstacle = config.train.stream ? obstacleOf(config) : undefined;
  if (obstacle) throw new NonetError('E_CONFIG', `train.stream: ${obstacle}.`);
};

const obstacleOf = ({ model, train, data }: Sections): string | undefined => {
  if (model.family !== 'bit-transformer') return `models of the family ${model.family} take no streams`;
  const ofModel = streamObstacle(model);
  if (ofModel) return ofModel;
  if (train.extraSteps > 0) return 'train.extraSteps adds windows at random: set it to 0';
  if (train.compression) return 'train.compression changes what windows hold: leave it out';
  if (data.shuffleBytes > 0) return 'data.shuffleBytes shuffles windows, which a stream has in order: leave it out';
  if (train.spike === 'rewind') {
    return 'train.spike rewind goes on with other batches, of which a stream has none: take skip or off';
  }
  const { contextLength, bitsPerPatch } = model;
  const frameBits = 9;
  const isCut = frameBits % bitsPerPatch === 0 && (contextLength * bitsPerPatch) % frameBits !== 0;
  if (!data.parity || !isCut) return undefined;
  const advice = `make it a multiple of ${frameBits / bitsPerPatch}`;
  return `with data.parity windows are whole bytes, but model.contextLength is ${contextLength}: ${advice}`;
};

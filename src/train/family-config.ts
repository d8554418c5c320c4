import { NonetError } from '../core/errors.js';
import type { ModelConfig } from '../models/index.js';

interface Sections {
  readonly model: ModelConfig;
  readonly precision: string;
  readonly adapter?: object;
  readonly data: { readonly parity: boolean };
  readonly train: { readonly labelSmoothing: number };
}

/** Throws `E_CONFIG` for what the family of the model does not have, naming the key. */
export const requireFamily = ({ model, precision, adapter, data, train }: Sections): void => {
  if (model.family === 'bit-transformer') return;
  const wrong = (key: string, advice: string): NonetError =>
    new NonetError('E_CONFIG', `${key}: the family ${model.family} does not have it; ${advice}.`, { key });
  if (data.parity) throw wrong('data.parity', 'its positions are bytes: set it to false');
  if (precision !== 'float32') throw wrong(`precision ${precision}`, 'set it to float32');
  if (adapter) throw wrong('adapter', 'leave it out, and train all weights from init.from');
  if (train.labelSmoothing > 0) throw wrong('train.labelSmoothing', 'set it to 0; model.zLoss holds logits back');
};

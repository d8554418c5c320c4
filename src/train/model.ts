import { createModel, type LanguageModel } from '../models/index.js';
import { addAdapters } from '../nn/index.js';
import type { RunConfig } from './config.js';

/** The model that a configuration trains: with adapters, where it has any, all else frozen. */
export const trainedModel = ({ model: options, adapter }: RunConfig): LanguageModel => {
  const model = createModel(options);
  if (adapter) addAdapters(model, adapter);
  return model;
};

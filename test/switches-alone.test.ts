import { switches } from './switches.js';
import { testAlone } from './switches-alone-support.js';

/** A model that trains in no time; everything else is what stands where a recipe says nothing. */
const small = {
  'model.layers': 1,
  'model.dModel': 16,
  'model.heads': 2,
  'model.feedForward': 16,
  'model.contextLength': 20,
  'train.batchSize': 3,
};

testAlone(small, switches, {
  'model.expertsPerToken': { 'model.experts': 3 },
  'model.gateLayers': { 'model.experts': 3 },
  'model.softExperts': { 'model.experts': 3 },
  'model.classicHead': { 'model.bitsPerPatch': 1, 'model.tiedHead': false },
  'train.extraSteps': { 'train.epochs': 1 },
  'train.stream': { 'model.chunkSize': 4 },
});

import { expect, it } from 'vitest';
import { olmaxSchema } from '../src/models/olmax/config.js';
import { olmaxSwitches } from './switches.js';
import { testAlone } from './switches-alone-support.js';

/** A model that trains in no time; everything else is what stands where a recipe says nothing. */
const small = {
  'model.family': 'olmax',
  'model.contextLength': 16,
  'model.features': 8,
  'model.pointwiseFeatures': 8,
  'model.pointwiseKernel': 3,
  'model.innerBottleneckFeatures': 4,
  'model.outerBottleneckKernel': 3,
  'model.innerBottleneckKernel': 3,
  'model.spatialMixingKernel': 4,
  'model.depth': 1,
  'train.batchSize': 3,
};

testAlone(small, olmaxSwitches);

it('has every key of the model', () => {
  const keys = Object.keys(olmaxSchema().shape).filter((key) => key !== 'family');
  expect(olmaxSwitches.map(({ key }) => key.slice('model.'.length)).sort()).toEqual(keys.sort());
});

import { createGenerator } from '../../dist/generate/index.js';
import { createModel } from '../../dist/index.js';
import { initialState } from '../models.mjs';

const sizes = {
  ...{ contextLength: 4096, features: 128, pointwiseFeatures: 256, pointwiseKernel: 5, innerBottleneckFeatures: 64 },
  ...{ outerBottleneckKernel: 25, innerBottleneckKernel: 49, spatialMixingKernel: 64, depth: 4 },
};
const tiny = { ...sizes, contextLength: 256, features: 16, pointwiseFeatures: 16, spatialMixingKernel: 16, depth: 1 };

/** Positions between which bytes are timed, from each place on. */
const span = 64;

/**
 * Decoding of a model of the family olmax near the start and near the end of its context: a byte costs taps and the side of
 * the mixer's matrices, however long the text is. One text is written from empty to the end, again and again.
 */
export const measure = async ({ quick, options }, report) => {
  const [early, late] = quick ? [40, 180] : [100, 4000];
  for (const mixing of ['mixer', 'none']) {
    const model = createModel({ family: 'olmax', ...(quick ? tiny : sizes), mixing });
    const state = await initialState(model, { training: false });
    const generator = createGenerator(model);
    const best = new Map([early, late].map((place) => [place, Number.POSITIVE_INFINITY]));
    const until = performance.now() + options.seconds * 1000;
    // Whole texts alternate the places, so noise hits both; the fastest of each is what the machine can do.
    do await timeText(generator, state, best);
    while (performance.now() < until);
    state.free();
    const { contextLength, features, depth } = model.config;
    const of = `${depth} x ${features}, context ${contextLength}, ${mixing === 'none' ? 'no mixer' : 'with the mixer'}`;
    const speedAt = (place) => span / best.get(place);
    for (const place of [early, late]) {
      report.add({ of, metric: `speed at position ${place}`, unit: 'bytes/s', nonet: speedAt(place), better: 'more' });
    }
    const metric = `speed at position ${late} over that at ${early}`;
    report.add({ of, metric, unit: '1', nonet: speedAt(late) / speedAt(early), better: 'more' });
  }
  report.note(`Of a text of one, written from empty: the least time of ${span} bytes from each position on.`);
};

/** Writes one text and notes for each place how long the bytes behind it took, where that is less than before. */
const timeText = async (generator, state, best) => {
  let count = 0;
  const times = [];
  const onBytes = (_, bytes) => {
    for (let i = 0; i < bytes.length; i++) times[count++] = performance.now();
  };
  const maxBytes = Math.max(...best.keys()) + span + 1;
  // A call for each byte, so that each has a time of its own.
  await generator.generate(state, { prompts: [new Uint8Array()], maxBytes, seed: 1, bytesPerCall: 1, onBytes });
  for (const [place, seconds] of best) best.set(place, Math.min(seconds, (times[place + span] - times[place]) / 1000));
};

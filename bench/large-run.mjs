/**
 * `node large-run.mjs train CONFIG | resume RUN | decode RUN THREADS BYTES`: one part of the life of a large model in a
 * process of its own; prints what it took as JSON.
 */
import { readFileSync } from 'node:fs';
import { setThreads } from '../dist/compile/default-executor.js';
import { createGenerator } from '../dist/generate/index.js';
import { checkConfig } from '../dist/train/config.js';
import { loadRun } from '../dist/train/load.js';
import { resume, train } from '../dist/train/trainer.js';

const decode = async (run, threads, bytes) => {
  setThreads(Number(threads));
  const { model, state } = await loadRun(run);
  const generator = createGenerator(model);
  const options = { prompts: [new Uint8Array()], maxBytes: Number(bytes), seed: 1 };
  await generator.generate(state, { ...options, maxBytes: 1 });
  return generator.generate(state, options);
};

const parts = {
  train: (config) => train(checkConfig(JSON.parse(readFileSync(config, 'utf8')), config, 'large')),
  resume: (run) => resume(run),
  decode,
};

const [part, ...words] = process.argv.slice(2);
const result = await parts[part](...words);
const peakBytes = process.resourceUsage().maxRSS * 1024;
const { steps, parameters, trainSeconds, bytesPerSecond, validation } = result;
console.log(JSON.stringify({ steps, parameters, trainSeconds, bytesPerSecond, validation, peakBytes }));

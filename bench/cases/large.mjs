import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../large-run.mjs', import.meta.url));
const megabyte = 1e6;
const steps = 6;
const batchSize = 2;

/** A deep model that learns byte by byte: it trains, is killed at its first checkpoint, goes on from there, and writes. */
export const measure = async (bench, report) => {
  const { model, bytes } = bench.quick ? tiny : full;
  const config = writeConfig(bench, model);
  await trainUntilKilled(config, join(bench.folder, 'large'));
  const resumed = await finished('resume', join(bench.folder, 'large'));
  const decoded = await finished('decode', join(bench.folder, 'large'), bench.threads, bytes);

  const millions = (resumed.parameters / 1e6).toFixed(1);
  const of = `${model.layers} layers, ${millions} M parameters, ${model.contextLength} bytes, batch ${batchSize}`;
  const add = (metric, unit, nonet, better) => report.add({ of, metric, unit, nonet, better });
  add('parameters', '1', resumed.parameters, 'more');
  add('steps done after a kill and a resume', '1', resumed.steps, 'more');
  add('training', 'bytes/s', resumed.bytesPerSecond, 'more');
  add('peak of the process, training', 'MB', resumed.peakBytes / megabyte, 'less');
  add('peak of the process, decoding', 'MB', decoded.peakBytes / megabyte, 'less');
  add('decoding, batch 1', 'bytes/s', decoded.bytesPerSecond, 'more');
};

const full = { model: { preset: 'base', layers: 40, contextLength: 512, recompute: 'block' }, bytes: 256 };
const tiny = {
  model: { preset: 'nano', layers: 4, dModel: 32, heads: 2, feedForward: 64, contextLength: 32, recompute: 'block' },
  bytes: 8,
};

const writeConfig = ({ folder, threads }, model) => {
  const text = join(folder, 'large.txt');
  writeFileSync(text, Array.from({ length: 600 }, (_, i) => `${i} squared is ${i * i}.\n`).join(''));
  const path = join(folder, 'large.json');
  const train = { steps, batchSize, warmupSteps: 1, learningRate: 1e-4, evaluateEvery: 0, checkpointEvery: 2 };
  const config = { run: { root: folder, name: 'large' }, threads, data: { path: text }, model, train };
  writeFileSync(path, JSON.stringify(config));
  return path;
};

/** Kills the process, without a chance to tidy up, once its first checkpoint of a step is complete. */
const trainUntilKilled = async (config, run) => {
  const child = start('train', config);
  const latest = join(run, 'checkpoints', 'latest');
  const saved = () => (existsSync(latest) ? readFileSync(latest, 'utf8').trim() : 'step-0');
  while (child.running() && saved() === 'step-0') await sleep(5);
  child.kill();
  const code = await child.ended;
  // A tiny model may be done before anybody can kill it, which is as good a start for a resume.
  if (!existsSync(latest) || (code !== null && code !== 0))
    throw new Error(`training the large model failed: ${child.said().trim()}`);
};

const finished = async (...words) => {
  const child = start(...words);
  if ((await child.ended) !== 0) throw new Error(`${words[0]} of the large model failed: ${child.said().trim()}`);
  return JSON.parse(child.output());
};

const start = (...words) => {
  const child = spawn(process.execPath, [script, ...words.map(String)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [output, said, running] = ['', '', true];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said = (said + text).slice(-2000);
  });
  const ended = new Promise((resolve) => {
    child.on('close', (code) => {
      running = false;
      resolve(code);
    });
  });
  return { ended, kill: () => child.kill('SIGKILL'), output: () => output, said: () => said, running: () => running };
};

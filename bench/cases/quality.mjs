import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { resolveConfig } from '../../dist/train/config.js';
import { evaluateRun } from '../../dist/train/evaluate.js';
import { train } from '../../dist/train/trainer.js';
import { peerEnvironment } from '../peers/process.mjs';
import { scriptPath, torchPython, tunedEnvironment, tunedNote } from '../peers/python.mjs';

const recipe = fileURLToPath(new URL('../../recipes/shakespeare-nanogpt.yaml', import.meta.url));
const usualText = fileURLToPath(new URL('../../../shared/data/tinyshakespeare.txt', import.meta.url));
const stride = 16;
const peerNames = ['PyTorch', 'PyTorch, tuned'];

/** A whole small training on real text: how long it takes and how well the result predicts. One after the other. */
export const measure = async (bench, report) => {
  const text = bench.options.data ?? usualText;
  const python = bench.options.peers ? torchPython() : null;
  const absent = bench.options.peers ? 'not installed' : 'not run';
  report.peers(peerNames, python ? {} : Object.fromEntries(peerNames.map((name) => [name, absent])));
  if (!existsSync(text)) return report.note(`skipped: ${text} is not there; give the text with --data FILE`);
  if (bench.options.peers && !python) {
    return report.note('skipped: python3-torch is not installed; --no-peers measures nonet alone');
  }
  const used = bench.quick ? excerpt(text, bench.folder) : text;
  const config = await resolveConfig(recipe, overrides(bench, used));
  const measured = { nonet: await trainOurs(config) };
  if (python) {
    const environments = [{}, tunedEnvironment(bench.isa)];
    for (const [i, name] of peerNames.entries()) {
      measured[name] = await trainTorch(python, [used, config.train.steps], bench.threads, environments[i]);
      bench.versions[name] = measured[name].version;
    }
    report.note(`${tunedNote}\nIts model is nanoGPT's own, as large as that of the recipe.`);
  }
  addRows(report, `${config.train.steps} steps, ${bench.threads} threads`, measured);
};

const excerpt = (text, folder) => {
  const path = join(folder, 'excerpt.txt');
  writeFileSync(path, readFileSync(text).subarray(0, 20_000));
  return path;
};

/** Evaluations during training are left out, since PyTorch does none. */
const overrides = ({ quick, threads, folder }, text) => [
  ...[`data.path=${text}`, `run.root=${join(folder, 'runs')}`, `threads=${threads}`, 'train.evaluateEvery=0'],
  ...(quick ? ['train.steps=10', 'train.warmupSteps=2'] : []),
];

const trainOurs = async (config) => {
  const began = performance.now();
  const { runFolder, trainSeconds, validation } = await train(config);
  const sliding = await evaluateRun(runFolder, { stride, compressors: false });
  const wholeSeconds = (performance.now() - began) / 1000;
  return { trainSeconds, wholeSeconds, bitsPerByte: validation.bitsPerByte, sliding: sliding.bitsPerByte };
};

const trainTorch = async (python, [text, steps], threads, environment) => {
  const began = performance.now();
  const env = peerEnvironment(threads, environment);
  const output = await outputOf(python, [scriptPath('quality.py'), text, String(steps), String(threads)], env);
  return { ...JSON.parse(output), wholeSeconds: (performance.now() - began) / 1000 };
};

const outputOf = (command, args, env) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [output, said] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said = (said + text).slice(-2000);
    });
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${args[0]} failed: ${said.trim()}`)),
    );
  });

const addRows = (report, of, measured) => {
  const add = (metric, unit, key) => {
    const { nonet, ...peers } = Object.fromEntries(Object.entries(measured).map(([name, facts]) => [name, facts[key]]));
    report.add({ of, metric, unit, nonet, peers, better: 'less' });
  };
  add('training', 's', 'trainSeconds');
  add('training and evaluation', 's', 'wholeSeconds');
  add('validation', 'bits/byte', 'bitsPerByte');
  add(`validation, stride ${stride}`, 'bits/byte', 'sliding');
};

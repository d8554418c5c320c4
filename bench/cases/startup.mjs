import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median, timed } from '../harness.mjs';
import { batchSize, initialState, modelSize, newModel, stepInputs, trainingPrograms } from '../models.mjs';
import { newestTorchPython, scriptPath, torchPython } from '../peers/python.mjs';

const firstCall = fileURLToPath(new URL('../first-call.mjs', import.meta.url));

/** How long nothing happens: before the first call, and before the first step. */
export const measure = async (bench, report) => {
  const python = bench.options.peers ? torchPython() : null;
  const newest = bench.options.peers ? newestTorchPython() : null;
  const pythons = { PyTorch: python, 'PyTorch newest': newest };
  const missing = bench.options.peers ? 'not installed' : 'not run';
  const absent = Object.entries(pythons).flatMap(([name, found]) => (found ? [] : [[name, missing]]));
  report.peers(Object.keys(pythons), Object.fromEntries(absent));
  const ours = { name: 'nonet', run: repeated(() => runProcess(process.execPath, firstCall)) };
  const theirs = Object.entries(pythons)
    .filter(([, found]) => found)
    .map(([name, found]) => ({ name, run: repeated(() => runProcess(found, scriptPath('startup.py'))) }));
  const results = await bench.race([ours, ...theirs]);
  report.addTime({ of: 'process', metric: 'start, import, first product, end', unit: 's', results });

  const parts = Array.from({ length: bench.quick ? 1 : 9 }, () => JSON.parse(runProcess(process.execPath, firstCall)));
  const add = (of, seconds, metric = 'time') =>
    report.add({ of, metric, unit: 's', nonet: median(seconds), better: 'less' });
  const of = (seconds) => parts.map(seconds);
  add(
    'import of nonet',
    of((part) => part.importSeconds),
  );
  add(
    'first native call',
    of((part) => part.callSeconds),
  );
  add(
    'import and first native call',
    of((part) => part.importSeconds + part.callSeconds),
  );
  for (const layers of bench.quick ? [1] : [8, 16]) {
    add(`training step of ${layers} layers`, await compileTimes(bench, layers), 'compile time');
  }
};

const repeated = (call) => (n) =>
  timed(async () => {
    for (let i = 0; i < n; i++) call();
  });

const runProcess = (command, script) => {
  const { status, stdout, stderr } = spawnSync(command, [script], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${script} failed: ${stderr.trim()}`);
  return stdout;
};

/** Tracing, differentiating, lowering and loading, each time from nothing. */
const compileTimes = async ({ quick }, layers) => {
  const model = newModel(8, modelSize(quick, layers));
  const state = await initialState(model, { training: true });
  const times = [];
  for (let i = 0; i < (quick ? 1 : 5); i++) {
    const { step } = trainingPrograms(model);
    times.push(await timed(async () => step.plan(state, stepInputs(model, batchSize(quick), 0))));
  }
  state.free();
  return times;
};

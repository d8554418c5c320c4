import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median, timed } from '../harness.mjs';
import { batchSize, initialState, modelSize, newModel, stepInputs, trainingPrograms } from '../models.mjs';
import { scriptPath, torchPython } from '../peers/torch.mjs';

const firstCall = fileURLToPath(new URL('../first-call.mjs', import.meta.url));

/** How long nothing happens: before the first call, and before the first step. */
export const measure = async (bench, report) => {
  const python = bench.options.peers ? torchPython() : null;
  report.peers(['PyTorch'], python ? ['PyTorch'] : []);
  const ours = { name: 'nonet', run: repeated(() => runProcess(process.execPath, firstCall)) };
  const theirs = { name: 'PyTorch', run: repeated(() => runProcess(python, scriptPath('startup.py'))) };
  const results = await bench.race(python ? [ours, theirs] : [ours]);
  report.addTime({ of: 'process', metric: 'start, import, first product, end', unit: 's', results });

  const parts = Array.from({ length: bench.quick ? 1 : 7 }, () => JSON.parse(runProcess(process.execPath, firstCall)));
  const add = (of, metric, seconds) => report.add({ of, metric, unit: 's', nonet: median(seconds), better: 'less' });
  add(
    'import of nonet',
    'time',
    parts.map((part) => part.importSeconds),
  );
  add(
    'first native call',
    'time',
    parts.map((part) => part.callSeconds),
  );
  for (const layers of bench.quick ? [1] : [8, 16]) {
    add(`training step of ${layers} layers`, 'compile time', await compileTimes(bench, layers));
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

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { activationBytes, batchSize, modelSize, newModel, peerSizes } from '../models.mjs';
import { newestTorch, torch } from '../peers/python.mjs';

const megabyte = 1e6;

/** What a training step takes: planned, measured, and the resident memory of whole processes. */
export const measure = async (bench, report) => {
  for (const bitsPerPatch of [1, 8]) {
    const ours = measureStep(bench, bitsPerPatch);
    const model = newModel(bitsPerPatch, modelSize(bench.quick));
    const batch = batchSize(bench.quick);
    const theirs = await measurePeers(bench, report, [...peerSizes(model), batch]);
    const { layers, dModel, contextLength } = model.config;
    const of = `${layers} x ${dModel}, ${contextLength} positions, batch ${batch}, ${bitsPerPatch} bits a position`;
    const add = (metric, bytes, peers = {}) =>
      report.add({ of, metric, unit: 'MB', nonet: bytes / megabyte, peers, better: 'less' });
    add('planned peak', ours.plannedBytes);
    add('activations', ours.activationBytes);
    add('peak of the step', ours.nativePeakBytes, theirs.step);
    add('peak of the process', ours.residentPeakBytes, theirs.process);
  }
  addDepths(report, bench.quick);
  report.note(
    'A process counts with its runtime: Node.js, or Python with PyTorch. The step counts from its imports on.',
  );
};

/**
 * What a depth of 64 keeps for the backward pass next to one of 8, and `precision: bf16` next to float32: planned only,
 * gradients of parameters left out.
 */
const addDepths = (report, quick) => {
  const kinds = { plain: {}, reversible: { reversible: true }, recompute: { recompute: 'segment' } };
  const planned = (of, layers, options, precision) => {
    const model = newModel(8, { ...modelSize(quick), ...options, layers });
    const nonet = activationBytes(model, batchSize(quick), { precision });
    report.add({ of: `${of}, ${layers} layers`, metric: 'activation bytes', unit: 'B', nonet, better: 'less' });
    return nonet;
  };
  for (const [kind, options] of Object.entries(kinds)) {
    const whole = [8, 64].map((layers) => planned(kind, layers, options, 'float32'));
    report.add({ of: kind, metric: '64 layers over 8', unit: 'x', nonet: whole[1] / whole[0], better: 'less' });
    const half = planned(`${kind}, bf16`, 8, options, 'bf16');
    report.add({
      of: `${kind}, 8 layers`,
      metric: 'bf16 over float32',
      unit: 'x',
      nonet: half / whole[0],
      better: 'less',
    });
  }
};

/** Megabytes of each peer, in processes of their own: a high-water mark never falls. */
const measurePeers = async (bench, report, sizes) => {
  const field = await bench.field(report, { PyTorch: torch('train.py'), 'PyTorch newest': newestTorch('train.py') });
  const found = { step: {}, process: {} };
  for (const [name, peer] of field.running) {
    try {
      const before = residentBytes(peer.pid, 'VmRSS');
      await peer.case(...sizes);
      await peer.run(2);
      const peak = residentBytes(peer.pid, 'VmHWM');
      found.process[name] = peak / megabyte;
      found.step[name] = (peak - before) / megabyte;
    } catch (error) {
      report.failed(name, error.message);
    }
  }
  await field.close();
  return found;
};

const residentBytes = (pid, what) => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(status.match(new RegExp(`${what}:\\s*(\\d+) kB`))[1]) * 1024;
};

/** In a process of its own, so that nothing else is counted. */
const measureStep = ({ quick, threads }, bitsPerPatch) => {
  const script = fileURLToPath(new URL('../memory-step.mjs', import.meta.url));
  const args = [script, String(bitsPerPatch), String(threads), quick ? 'quick' : 'full'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`measuring memory failed: ${stderr.trim()}`);
  return JSON.parse(stdout);
};

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { batchSize, modelSize, newModel, peerSizes } from '../models.mjs';

const megabyte = 1e6;

/** What a training step takes: planned, measured, and the resident memory of whole processes. */
export const measure = async (bench, report) => {
  const torch = await bench.torch('PyTorch', 'train.py');
  report.peers(['PyTorch'], torch ? ['PyTorch'] : []);
  for (const bitsPerPatch of [1, 8]) {
    const ours = measureStep(bench, bitsPerPatch);
    const model = newModel(bitsPerPatch, modelSize(bench.quick));
    const batch = batchSize(bench.quick);
    const { layers, dModel, contextLength } = model.config;
    const of = `${layers} x ${dModel}, ${contextLength} positions, batch ${batch}, ${bitsPerPatch} bits a position`;
    const add = (metric, bytes, peers = {}) =>
      report.add({ of, metric, unit: 'MB', nonet: bytes / megabyte, peers, better: 'less' });
    add('planned peak', ours.plannedBytes);
    add('measured native peak', ours.nativePeakBytes);
    add('activations', ours.activationBytes);
    // PyTorch's high-water mark never falls, so only the first case, the same in size as the second, can be its own.
    const theirs = torch && bitsPerPatch === 1 ? await peerPeak(torch, [...peerSizes(model), batch]) : {};
    add('peak of the process', ours.residentPeakBytes, theirs);
  }
  report.note('A process counts with its runtime: Node.js, or Python with PyTorch.');
};

/** In a process of its own, so that nothing else is counted. */
const measureStep = ({ quick, threads }, bitsPerPatch) => {
  const script = fileURLToPath(new URL('../memory-step.mjs', import.meta.url));
  const args = [script, String(bitsPerPatch), String(threads), quick ? 'quick' : 'full'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`measuring memory failed: ${stderr.trim()}`);
  return JSON.parse(stdout);
};

const peerPeak = async (peer, sizes) => {
  await peer.case(...sizes);
  await peer.run(2);
  const status = readFileSync(`/proc/${peer.pid}/status`, 'utf8');
  return { PyTorch: (Number(status.match(/VmHWM:\s*(\d+) kB/)[1]) * 1024) / megabyte };
};

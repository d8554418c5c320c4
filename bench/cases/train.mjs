import { modelFlops } from '../../dist/train/flops.js';
import { batchSize, modelSize, newModel, peerSizes, trainingRunner } from '../models.mjs';
import { tunedEnvironment, tunedNote } from '../peers/torch.mjs';

const peerNames = ['PyTorch', 'PyTorch, tuned'];

/** Whole training steps, flat (a position is a bit) and patched (a position is a byte). */
export const measure = async (bench, report) => {
  const asInstalled = await bench.torch(peerNames[0], 'train.py');
  const tuned = await bench.torch(peerNames[1], 'train.py', { env: tunedEnvironment(bench.isa) });
  const peers = [asInstalled, tuned].flatMap((peer, i) => (peer ? [{ name: peerNames[i], peer }] : []));
  report.peers(
    peerNames,
    peers.map(({ name }) => name),
  );
  const batch = batchSize(bench.quick);
  for (const [bitsPerPatch, title] of [
    [1, 'flat, 1 bit'],
    [8, 'patched, 8 bits'],
  ]) {
    const model = newModel(bitsPerPatch, modelSize(bench.quick));
    const ours = await trainingRunner(model, batch);
    for (const { peer } of peers) await peer.case(...peerSizes(model), batch);
    const theirs = peers.map(({ name, peer }) => ({ name, run: peer.run, pid: peer.pid }));
    const results = await bench.race([ours, ...theirs]);
    const flops = modelFlops(ours.plan.program);
    ours.free();
    const { layers, dModel, contextLength } = model.config;
    const of = `${title}: ${layers} x ${dModel}, ${contextLength} positions, batch ${batch}`;
    report.addRate({ of, metric: 'speed', unit: 'positions/s', amount: batch * contextLength, results });
    const unit = 'GFLOP/s';
    report.addRate({ of, metric: 'model FLOPs', unit, amount: flops / 1e9, results, peakAmount: bench.peakGflops });
  }
  if (peers.length > 0) report.note(tunedNote);
};

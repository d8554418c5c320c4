import { describe, expect, it } from 'vitest';
import { trainReport } from './train-report.js';

const result = {
  runFolder: 'runs/a',
  steps: 100,
  seconds: 65,
  bytesPerSecond: 1.2e6,
  gflops: 80,
  peakShare: 0.5,
  trainSeconds: 50,
  trend: {
    medians: [
      { steps: 64, loss: 0.34567 },
      { steps: 100, loss: 0.35 },
    ],
    bytesPerDay: 1.2e9,
    parameterBytesPerDay: 3e12,
  },
  batchBytes: 32_768,
  dataWaitSeconds: 0.1,
  parameters: 869_631,
  trainedParameters: 869_631,
  writesBytes: true,
  validation: { bitsPerByte: 2.5, parityCrossEntropy: null, bytes: 6000 },
  interrupted: false,
};

describe('trainReport', () => {
  it('tells the result and what can be done with the run', () => {
    const text = trainReport(result, 'a');
    expect(text).toMatch(/^done with step 100, after 1 m 05 s\n/);
    expect(text).toMatch(/validation +2\.5000 bits per byte over 6\.0 k bytes/);
    expect(text).toMatch(/speed +1\.2 MB\/s, 80\.0 GFLOP\/s, 50\.0% of the measured peak/);
    expect(text).toMatch(/nonet generate a\n/);
  });

  it('tells the share of the peak with what is computed again, where that is more', () => {
    const text = trainReport({ ...result, executedPeakShare: 0.65 }, 'a');
    expect(text).toMatch(/50\.0% of the measured peak \(65\.0% with what is computed again and by the optimizer\)/);
    expect(trainReport({ ...result, executedPeakShare: 0.5 }, 'a')).not.toMatch(/again/);
  });

  it('tells the medians of the last steps and what they come to in a day, as far as they are known', () => {
    expect(trainReport(result, 'a')).toMatch(
      /usual steps +median loss 0\.3457 over 64, 0\.3500 over 100 steps; 1\.2 GB a day; 3\.0 T parameter bytes a day\n/,
    );
    expect(trainReport({ ...result, trend: { medians: [] } }, 'a')).not.toMatch(/usual steps/);
  });

  it('tells how many parameters are trained, where not all are', () => {
    expect(trainReport(result, 'a')).toMatch(/parameters +870 k\n/);
    const text = trainReport({ ...result, trainedParameters: 12_288 }, 'a');
    expect(text).toMatch(/parameters +870 k, 12\.3 k of them trained\n/);
  });

  it('tells what batches took, and of what kinds they were', () => {
    expect(trainReport(result, 'a')).toMatch(/batches +\S+ \S+ to the core, waited for 0\.2% of the time\n/);
    const batchKinds = { plain: 80, compressed: 15, direct: 5 };
    expect(trainReport({ ...result, batchKinds }, 'a')).toMatch(/; steps: 80 plain, 15 compressed, 5 direct\n/);
  });

  it('says how to go on after an interruption', () => {
    expect(trainReport({ ...result, interrupted: true, validation: undefined }, 'a')).toBe(
      'stopped after step 100, which is saved. Go on with:\n  nonet train --resume a\n',
    );
  });

  it('names the best checkpoint where it is not the last, and says why a run ended early', () => {
    const best = { step: 80, bitsPerByte: 2.4, bytes: 6000 };
    const text = trainReport({ ...result, best, stoppedEarly: true }, 'a');
    expect(text).toMatch(/^done with step 100, after 1 m 05 s: evaluations no longer improved\n/);
    expect(text).toMatch(/best +2\.4000 over 6\.0 k bytes at step 80: a@best\n/);
    expect(trainReport({ ...result, best: { ...best, step: 100 } }, 'a')).not.toMatch(/best/);
  });

  it('does not send a model to write that cannot', () => {
    const text = trainReport({ ...result, writesBytes: false }, 'a');
    expect(text).toMatch(/next:\n {2}nonet evaluate a\n$/);
  });

  it('leaves out the speed of a run that had nothing left to do', () => {
    expect(trainReport({ ...result, bytesPerSecond: Number.NaN }, 'a')).not.toMatch(/speed/);
  });
});

import { describe, expect, it } from 'vitest';
import { evaluationJson, evaluationReport } from './evaluation.js';

const evaluation = {
  bitsPerByte: 2.5,
  parityCrossEntropy: null,
  bytes: 6000,
  context: 32,
  stride: null,
  compressors: { gzip: 3, bzip2: 2.6, xz: 2.9, zstd: 3.1 },
};

describe('evaluationReport', () => {
  it('tells how the windows lay', () => {
    expect(evaluationReport(evaluation)).toMatch(
      /^2\.5000 bits per byte .* windows that do not overlap of 32 patches\n/,
    );
    expect(evaluationReport({ ...evaluation, stride: 16 })).toMatch(/move on by 16 bytes/);
  });

  it('tells how many layers the positions of a halting model ran through', () => {
    expect(evaluationReport(evaluation)).not.toMatch(/layers/);
    expect(evaluationReport({ ...evaluation, meanDepth: 2.345 })).toMatch(/layers\s+2\.35 a position/);
    expect(evaluationJson({ ...evaluation, meanDepth: 2.345 })).toEqual({ ...evaluation, meanDepth: 2.345 });
  });

  it('speaks of parity bits apart from the payload, and only where there are any', () => {
    expect(evaluationReport(evaluation)).not.toMatch(/parity/);
    expect(evaluationReport({ ...evaluation, parityCrossEntropy: 0.01 })).toMatch(/parity bits\s+0\.01000 nats/);
  });
});

describe('evaluationJson', () => {
  it('has exactly the keys that programs rely on', () => {
    const noise = { ...evaluation, data: new Uint8Array(3) };
    expect(evaluationJson(noise)).toEqual(evaluation);
  });

  it('adds the surprise of every byte when there is one', () => {
    expect(evaluationJson(evaluation, Float32Array.of(8, 0.5))).toMatchObject({ perByte: [8, 0.5] });
  });
});

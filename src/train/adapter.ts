import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type CheckpointContent, type NamedArray, readSafetensors, writeSafetensors } from '../checkpoint/index.js';
import { MODEL_FILE } from '../checkpoint/layout.js';
import { NonetError } from '../core/errors.js';
import { fileError, fileExists, makeFolder, syncFolder, temporaryName } from '../core/files.js';
import { sha256File } from '../core/hash.js';
import type { RunConfig } from './config.js';

/** Where a run of adapters keeps the weights that it builds on: its own copy, whatever becomes of the base. */
const baseFile = (runFolder: string): string => join(runFolder, 'base', MODEL_FILE);

/** Writes the base of a run of adapters. Returns its hash, which every checkpoint of the run tells. */
export const keepBase = async (runFolder: string, arrays: readonly NamedArray[]): Promise<string> => {
  const path = baseFile(runFolder);
  const temporary = temporaryName(path);
  try {
    await makeFolder(dirname(path));
    const { sha256 } = await writeSafetensors(temporary, arrays, { metadata: { format: 'pt' } });
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return sha256;
  } catch (error) {
    throw fileError(error, 'write', path);
  }
};

/**
 * The weights that the adapters of a checkpoint build on.
 *
 * @throws NonetError `E_CHECKPOINT` when they are missing or not those that the adapters were trained on.
 */
export const readBase = async (runFolder: string, { base }: CheckpointContent['state']): Promise<NamedArray[]> => {
  const path = baseFile(runFolder);
  const problem = !(await fileExists(path))
    ? 'is missing'
    : (await sha256File(path)) !== base
      ? 'is damaged or of another run'
      : undefined;
  if (problem) {
    const advice = 'adapters go with the base folder of their run; "nonet merge" makes a run that stands alone.';
    throw new NonetError('E_CHECKPOINT', `${path} ${problem}: ${advice}`, { path });
  }
  return (await readSafetensors(path)).arrays;
};

/** The weights of a checkpoint as a model without adapters has them: what adapters add is added to the base. */
export const mergedWeights = async (
  folder: string,
  content: CheckpointContent,
  { adapter }: Pick<RunConfig, 'adapter'>,
): Promise<readonly NamedArray[]> => {
  if (!adapter) return content.model;
  // runs/NAME/checkpoints/step-N
  return merge(await readBase(dirname(dirname(folder)), content.state), content.model, adapter);
};

/** W + down up * alpha / rank, in float64, rounded once. */
const merge = (
  base: readonly NamedArray[],
  adapters: readonly NamedArray[],
  { rank, alpha }: NonNullable<RunConfig['adapter']>,
): NamedArray[] => {
  const byName = new Map(adapters.map((array) => [array.name, array.data as Float32Array]));
  return base.map((array) => {
    const layer = array.name.replace(/\.weight$/, '.adapter');
    const [down, up] = [byName.get(`${layer}.down`), byName.get(`${layer}.up`)];
    if (!down || !up) return array;
    const [inputs, outputs] = array.shape as readonly [number, number];
    const data = new Float32Array(array.data as Float32Array);
    const row = new Float64Array(outputs);
    for (let i = 0; i < inputs; i++) {
      row.fill(0);
      for (let r = 0; r < rank; r++) {
        const factor = (down[i * rank + r]! * alpha) / rank;
        for (let j = 0; j < outputs; j++) row[j]! += factor * up[r * outputs + j]!;
      }
      for (let j = 0; j < outputs; j++) data[i * outputs + j]! += row[j]!;
    }
    return { ...array, data };
  });
};

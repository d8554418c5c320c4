import { saveCheckpoint } from '../checkpoint/index.js';
import type { ConfigTree } from '../core/config.js';
import { readArrays } from './arrays.js';
import type { RunConfig } from './config.js';
import { type Course, pinnedSteps } from './course.js';
import type { LoopParts } from './loop-parts.js';
import { instructionSet } from './machine.js';
import { readKept } from './stream.js';

/** Saves all that a run needs to go on from a step, and removes checkpoints that are no longer kept. */
export const saveStep = async (parts: LoopParts, step: number, course: Course): Promise<void> => {
  const { run, config, stepper, bytesPerStep, base } = parts;
  const best = config.train.keepBest ? course.best?.step : undefined;
  await saveCheckpoint(
    run.path,
    {
      step,
      config: plain(config),
      model: readArrays(stepper.state, 'parameters'),
      optimizer: readKept(stepper.state),
      state: {
        step,
        seed: config.seed,
        bytesSeen: step * bytesPerStep,
        instructionSet: instructionSet(),
        course: plain(course),
        ...(best !== undefined && { best }),
        ...(base !== undefined && { base }),
      },
    },
    { keep: config.train.keepCheckpoints, pinned: pinnedSteps(course, config) },
  );
};

/** A configuration or course as it is stored. */
export const plain = (tree: RunConfig | Course): ConfigTree => JSON.parse(JSON.stringify(tree)) as ConfigTree;

import type { RunFolder } from '../checkpoint/index.js';
import type { ByteStore } from '../data/index.js';
import type { LanguageModel } from '../models/index.js';
import type { BatchSource } from './batch-source.js';
import type { Board } from './board.js';
import type { RunConfig } from './config.js';
import type { Course } from './course.js';
import type { Progress } from './progress.js';
import type { RunTrace } from './run-trace.js';
import type { Scorer } from './score.js';
import type { Stepper } from './stepper.js';

/** What the steps of a session and all that happens between them work with. */
export interface LoopParts {
  readonly run: RunFolder;
  readonly model: LanguageModel;
  readonly config: RunConfig;
  readonly stepper: Stepper;
  readonly trace: RunTrace;
  readonly batches: BatchSource;
  readonly progress: Progress | undefined;
  readonly validationBytes: ByteStore;
  readonly scorer: Scorer;
  readonly board?: Board;
  readonly bytesPerStep: number;
  readonly parameters: number;
  /** Hash of the weights that adapters build on. */
  readonly base?: string;
  /** Where the session begins. */
  readonly course: Course;
}

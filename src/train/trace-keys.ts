import type { z as Z } from 'zod';

/** A trace keeps the time of each call of each of its steps. */
const mostSteps = 1024;

/** The group `trace`: steps of a run whose kernel calls are measured. */
export const traceKeys = (z: typeof Z) =>
  z
    .strictObject({
      enabled: z
        .boolean()
        .default(false)
        .describe('Measure every kernel call of some steps, for Perfetto and the profile plugin of TensorBoard.'),
      start: z.number().int().min(0).default(16).describe('Steps of the run before the first one that is traced.'),
      stop: z.number().int().min(1).default(80).describe('The last step that is traced.'),
      outputPath: z
        .string()
        .min(1)
        .optional()
        .describe('Folder of the trace, made when missing; default: trace/ in the folder of the run.'),
    })
    .superRefine(({ start, stop }, { addIssue }) => {
      const wrong = (message: string) => addIssue({ code: 'custom', path: ['stop'], message });
      if (stop <= start) wrong(`but the trace starts behind step ${start}: it must be larger than trace.start`);
      else if (stop - start > mostSteps) wrong(`but trace.start is ${start}: a trace has at most ${mostSteps} steps`);
    })
    .prefault({});

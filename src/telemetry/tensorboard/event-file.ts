import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileError } from '../../core/files.js';
import { frameOf } from '../../data/tfrecord/frames.js';
import { type Summary, startEvent, summaryEvent, versionEvent } from './event.js';

export interface EventFile {
  readonly path: string;
  /** Appends; when the call returns, the system has it. Throws `E_FILE`. */
  write(step: number, summaries: readonly Summary[]): void;
  close(): void;
}

export interface EventFileOptions {
  /** The first step that the session tells of: what earlier files of the folder tell from it on is given up. */
  readonly step: number;
  /** Seconds since 1970. */
  readonly now?: () => number;
}

/**
 * A new event file in a folder, which is made where it is missing: `tensorboard --logdir FOLDER` shows it as it grows.
 *
 * @throws NonetError `E_FILE` when it cannot be written.
 */
export const openEventFile = (folder: string, { step, now = () => Date.now() / 1000 }: EventFileOptions): EventFile => {
  const began = now();
  // TensorBoard takes the files of a folder in the order of their names.
  const path = join(folder, `events.out.tfevents.${began.toFixed(3).padStart(14, '0')}.nonet.${process.pid}`);
  const attempt = <R>(doing: string, action: () => R): R => {
    try {
      return action();
    } catch (error) {
      throw fileError(error, doing, path);
    }
  };
  const descriptor = attempt('create', () => {
    mkdirSync(folder, { recursive: true });
    return openSync(path, 'a');
  });
  const append = (event: Uint8Array): void => {
    const bytes = frameOf(event);
    attempt('write', () => {
      for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
    });
  };
  append(versionEvent(began));
  append(startEvent({ wallTime: began, step }));
  return {
    path,
    write: (at, summaries) => {
      if (summaries.length > 0) append(summaryEvent({ wallTime: now(), step: at }, summaries));
    },
    close: () => closeSync(descriptor),
  };
};

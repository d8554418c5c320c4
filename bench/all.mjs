import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchmarks } from './benchmarks.mjs';

const script = fileURLToPath(new URL('run.mjs', import.meta.url));

/** The runs that the page of the bars is made from: `[name, extra arguments, name of the file]`. */
export const allRuns = () =>
  Object.entries(benchmarks)
    .filter(([, { apart }]) => !apart)
    .flatMap(([name, { also = [] }]) => [
      [name, [], name],
      ...also.map(({ threads }) => [name, ['--threads', String(threads)], `${name}-${threads}-threads`]),
    ]);

/** Runs them one after the other; one that fails does not keep the others from running. Returns the exit code. */
export const runAll = ({ folder, quick = false, seconds, 'no-peers': alone = false }) => {
  mkdirSync(folder, { recursive: true });
  const passed = [
    ...(quick ? ['--quick'] : []),
    ...(alone ? ['--no-peers'] : []),
    ...(seconds ? ['--seconds', seconds] : []),
  ];
  const failed = allRuns().filter(([name, extra, file]) => {
    const args = [script, name, ...extra, ...passed, '--json', join(folder, `${file}.json`)];
    const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
    console.log('');
    return status !== 0;
  });
  if (failed.length > 0) console.error(`error: failed: ${failed.map(([, , file]) => file).join(', ')}`);
  return failed.length > 0 ? 1 : 0;
};

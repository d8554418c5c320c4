import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { peerEnvironment, startPeer } from './process.mjs';

/**
 * How a peer written in C is compiled and started; nothing where there is no compiler or not the library that it needs.
 */
export const nativePeer =
  (source, { flags = [], env } = {}) =>
  ({ threads, folder }) => {
    const program = compiled(source, flags, folder);
    return program && startPeer({ command: program, env: peerEnvironment(threads, env) });
  };

/** The program made of a source, or nothing. */
export const compiled = (source, flags, folder) => {
  const path = fileURLToPath(new URL(source, import.meta.url));
  const program = join(folder, source.replace(/\.c$/, ''));
  const { status } = spawnSync(process.env.CC ?? 'cc', ['-O2', '-o', program, path, ...flags]);
  return status === 0 ? program : undefined;
};

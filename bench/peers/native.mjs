import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { peerEnvironment, startPeer } from './process.mjs';

/**
 * Compiles a peer written in C against a library of the system and starts it; nothing where there is no compiler or no such
 * library.
 */
export const nativePeer = async ({ source, library, threads, folder, env }) => {
  const path = fileURLToPath(new URL(source, import.meta.url));
  const program = join(folder, source.replace(/\.c$/, ''));
  const compiler = process.env.CC ?? 'cc';
  const { status } = spawnSync(compiler, ['-O2', '-o', program, path, `-l${library}`]);
  if (status !== 0) return undefined;
  return startPeer({ command: program, env: peerEnvironment(threads, env) });
};

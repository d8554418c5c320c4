import { readFileSync } from 'node:fs';

/**
 * Something that tells a live process from an earlier or later one with the same number: its start in clock ticks
 * since boot on Linux, `unknown` elsewhere. Undefined when there is no such process, or only its entry is left (a
 * zombie, which nobody may ever collect in a container).
 */
export function processStart(pid: number): string | undefined {
  if (process.platform === 'linux') return linuxStart(pid);
  try {
    process.kill(pid, 0);
    return 'unknown';
  } catch (error) {
    // A process of another user is there, but may not be signalled.
    return error instanceof Error && 'code' in error && error.code === 'EPERM' ? 'unknown' : undefined;
  }
}

function linuxStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses, which may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, start] = [fields[0], fields[19]];
    return state === 'Z' || state === 'X' ? undefined : start;
  } catch {
    return undefined;
  }
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { processStart } from './process-alive.js';

it('is the same at every look at a live process', () => {
  expect(processStart(process.pid)).toBeDefined();
  expect(processStart(process.pid)).toBe(processStart(process.pid));
});

it('is undefined for a process that has ended', async () => {
  const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
  await once(child, 'exit');
  expect(processStart(child.pid!)).toBeUndefined();
});

it('is undefined for a number that no process has', () => {
  expect(processStart(2 ** 30)).toBeUndefined();
});

it.runIf(process.platform === 'linux')('sees that a zombie is no live process', async () => {
  // A shell that starts a child and never waits for it, because it becomes another program.
  const parent = spawn('sh', ['-c', 'sleep 0.01 & echo $!; exec sleep 600'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const zombie = Number(line.toString());
  try {
    await expect.poll(() => processStart(zombie), { timeout: 30_000 }).toBeUndefined();
    expect(() => process.kill(zombie, 0)).not.toThrow();
  } finally {
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  }
});

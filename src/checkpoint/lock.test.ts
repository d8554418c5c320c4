import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockHolder, lockRun } from './lock.js';
import { processStart } from './process-alive.js';

let run: string;
let lockPath: string;

beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'nonet-lock-'));
  lockPath = join(run, 'lock');
});

afterEach(() => rm(run, { recursive: true }));

const leaveLock = (holder: object): Promise<void> =>
  writeFile(
    lockPath,
    JSON.stringify({
      pid: process.pid,
      host: hostname(),
      since: '2024-01-01T00:00:00Z',
      processStart: 'other',
      ...holder,
    }),
  );

describe('lockRun', () => {
  it('refuses a second trainer and names the first', async () => {
    const lock = await lockRun(run);
    await expect(lockRun(run)).rejects.toMatchObject({
      code: 'E_RUN',
      message: expect.stringMatching(new RegExp(`being trained by process ${process.pid} on .* since 20`)),
    });
    await lock.release();
    await (await lockRun(run)).release();
  });

  it('leaves nothing behind when it is released', async () => {
    const lock = await lockRun(run);
    await lock.release();
    await lock.release();
    expect(await readdir(run)).toEqual([]);
  });

  it('takes over from a process that was killed', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    await once(child, 'spawn');
    const pid = child.pid!;
    await leaveLock({ pid, processStart: processStart(pid) });
    await expect(lockRun(run)).rejects.toMatchObject({ code: 'E_RUN', message: expect.stringContaining(String(pid)) });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const lock = await lockRun(run);
    expect(JSON.parse(await readFile(lockPath, 'utf8'))).toMatchObject({ pid: process.pid });
    await lock.release();
  });

  it('takes over from an earlier process with a number that is in use again', async () => {
    await leaveLock({});
    await (await lockRun(run)).release();
  });

  it('takes over a lock that nobody can read', async () => {
    await writeFile(lockPath, '{"pi');
    await (await lockRun(run)).release();
  });

  it('never takes over from another machine, and says what to do', async () => {
    await leaveLock({ pid: 1, host: 'elsewhere' });
    await expect(lockRun(run)).rejects.toMatchObject({
      code: 'E_RUN',
      message: expect.stringMatching(/process 1 on elsewhere .* delete .*lock/),
    });
  });

  it('never releases a lock that another process took over', async () => {
    const lock = await lockRun(run);
    await leaveLock({ pid: 1 });
    await lock.release();
    expect(await readdir(run)).toEqual(['lock']);
  });

  it('gives the run to one of many who take over at once', async () => {
    for (let round = 0; round < 50; round++) {
      await leaveLock({ pid: 2 ** 30, since: `round ${round}` });
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockRun(run)));
      const locks = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      expect(locks).toHaveLength(1);
      await locks[0]!.release();
      expect(await readdir(run)).toEqual([]);
    }
  });

  it('takes over from a process that was killed while taking over', async () => {
    await leaveLock({ pid: 2 ** 30 });
    const stale = await readFile(lockPath, 'utf8');
    const claim = createHash('sha256').update(stale).digest('hex').slice(0, 16);
    await writeFile(
      `${lockPath}.claim-${claim}`,
      JSON.stringify({ pid: 2 ** 30 + 1, host: hostname(), processStart: 'ended' }),
    );
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockRun(run)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await readdir(run)).toEqual(['lock']);
  });

  it('clears away what a killed trainer left half written', async () => {
    const leftover = `step-4.tmp-${2 ** 30}-0123abcd`;
    await mkdir(join(run, 'checkpoints', leftover), { recursive: true });
    const lock = await lockRun(run);
    expect(await readdir(join(run, 'checkpoints'))).toEqual([]);
    await lock.release();
  });

  it('says when the run is not there', async () => {
    await expect(lockRun(join(run, 'none'))).rejects.toMatchObject({ code: 'E_FILE' });
  });
});

describe('lockHolder', () => {
  it('is the trainer while there is one', async () => {
    expect(await lockHolder(run)).toBeUndefined();
    const lock = await lockRun(run);
    expect(await lockHolder(run)).toMatchObject({ pid: process.pid, host: hostname() });
    await lock.release();
    expect(await lockHolder(run)).toBeUndefined();
  });

  it('is nobody when the trainer has died', async () => {
    await leaveLock({ pid: 2 ** 30 });
    expect(await lockHolder(run)).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';

interface Peer {
  readonly version: string;
  case(...words: unknown[]): Promise<void>;
  run(n: number): Promise<number>;
  close(): Promise<void>;
}
const { startPeer, peerEnvironment } = (await import(new URL('process.mjs', import.meta.url).href)) as {
  startPeer: (how: { command: string; args: string[]; env?: NodeJS.ProcessEnv }) => Promise<Peer>;
  peerEnvironment: (threads: number, extra?: NodeJS.ProcessEnv) => NodeJS.ProcessEnv;
};

const peerOf = (onLine: string) =>
  startPeer({
    command: process.execPath,
    args: [
      '-e',
      `console.log('ready 1.2'); require('readline').createInterface({input:process.stdin}).on('line', ${onLine})`,
    ],
  });

describe('startPeer', () => {
  it('sets up cases and takes samples in one process', async () => {
    const peer = await peerOf(`(line) => console.log(line.startsWith('case') ? 'ok' : line.split(' ')[1] / 4)`);
    expect(peer.version).toBe('1.2');
    await peer.case(1, 2);
    expect([await peer.run(1), await peer.run(8)]).toEqual([0.25, 2]);
    await peer.close();
  });

  it('hears that a peer cannot do a case and can go on with another', async () => {
    const peer = await peerOf(`(line) => console.log(line === 'case big' ? 'failed no room' : 'ok')`);
    await expect(peer.case('big')).rejects.toThrow('failed no room');
    await peer.case('small');
    await peer.close();
  });

  it('says what a peer that fails said last', async () => {
    const peer = await peerOf(`() => { throw new Error('out of paper') }`);
    await expect(peer.run(1)).rejects.toThrow(/exit code 1 at "run 1"[\s\S]*out of paper/);
  });

  it('refuses an answer that is no time', async () => {
    const peer = await peerOf(`() => console.log('soon')`);
    await expect(peer.run(1)).rejects.toThrow('"soon"');
    await peer.close();
  });
});

describe('peerEnvironment', () => {
  it('gives peers as many threads as nonet and drops settings of the user', () => {
    process.env.OPENBLAS_CORETYPE = 'Haswell';
    const env = peerEnvironment(2, { MALLOC_TOP_PAD_: '1' });
    delete process.env.OPENBLAS_CORETYPE;
    expect(env).toMatchObject({ OMP_NUM_THREADS: '2', OPENBLAS_NUM_THREADS: '2', MALLOC_TOP_PAD_: '1' });
    expect(env).not.toHaveProperty('OPENBLAS_CORETYPE');
  });
});

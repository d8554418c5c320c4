import { describe, expect, it } from 'vitest';

interface Peer {
  readonly version: string;
  readonly pid: number;
  case(...words: unknown[]): Promise<void>;
  run(n: number): Promise<number>;
  close(): Promise<void>;
}
interface Competitor {
  readonly name: string;
}
type OpenField = (
  wanted: Record<string, () => Promise<Peer | undefined>>,
  options: object,
) => Promise<{
  race(ours: Competitor[], words: unknown[], how?: { only?: string[] }): Promise<string[]>;
  close(): Promise<void>;
}>;
const { openField } = (await import(new URL('field.mjs', import.meta.url).href)) as { openField: OpenField };

/** A peer that can do every case but `big`. */
const peer = async (): Promise<Peer> => ({
  version: '1',
  pid: 1,
  case: async (word) => {
    if (word === 'big') throw new Error('no room');
  },
  run: async () => 1,
  close: async () => {},
});

const open = async (run = true) => {
  const said: unknown[] = [];
  const versions: Record<string, string> = {};
  const report = {
    peers: (names: string[], absent: object) => said.push(names, absent),
    failed: (name: string, reason: string) => said.push(`${name}: ${reason}`),
  };
  const race = async (competitors: Competitor[]) => competitors.map(({ name }) => name);
  const wanted = {
    A: peer,
    B: peer,
    Missing: async () => undefined,
    Broken: async () => Promise.reject(new Error('no library')),
  };
  const field = await openField(wanted, { report, race, versions, shared: {}, run });
  return { field, said, versions };
};

describe('openField', () => {
  it('goes on without peers that are not installed or do not start', async () => {
    const { field, said, versions } = await open();
    expect(said).toEqual(['Broken: no library', ['A', 'B', 'Missing', 'Broken'], { Missing: 'not installed' }]);
    expect(versions).toEqual({ A: '1', B: '1' });
    expect(await field.race([{ name: 'nonet' }], ['small'])).toEqual(['nonet', 'A', 'B']);
    expect(await field.race([{ name: 'nonet' }], ['small'], { only: ['B'] })).toEqual(['nonet', 'B']);
    await field.close();
  });

  it('leaves a peer out of a case that it cannot do, and takes it into the next', async () => {
    const { field, said } = await open();
    expect(await field.race([{ name: 'nonet' }], ['big'])).toEqual(['nonet']);
    expect(said.slice(-2)).toEqual(['A: no room', 'B: no room']);
    expect(await field.race([{ name: 'nonet' }], ['small'])).toEqual(['nonet', 'A', 'B']);
  });

  it('starts nobody where nonet is to run alone', async () => {
    const { said } = await open(false);
    expect(said.at(-1)).toEqual({ A: 'not run', B: 'not run', Missing: 'not run', Broken: 'not run' });
  });
});

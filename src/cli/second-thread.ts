import { readdirSync, readFileSync } from 'node:fs';
import type { NativeAddon } from '../compile/native/addon.js';

/** Bytes of the second-level cache of a core and of the last-level one. */
export interface CacheSizes {
  readonly l2: number;
  readonly l3: number;
}

/** How much faster two threads are than one: 2 where they share nothing. Reading, by where the data lie. */
export interface SecondThread {
  readonly fma: number;
  readonly l2: number;
  readonly l3: number;
  readonly memory: number;
}

/** Where the system does not tell. */
const usualSizes: CacheSizes = { l2: 1 << 20, l3: 32 << 20 };

/** Sizes of the caches of the first core, from a folder of Linux. */
export const cacheSizes = (folder = '/sys/devices/system/cpu/cpu0/cache'): CacheSizes => {
  const sizes = new Map<string, number>();
  try {
    for (const entry of readdirSync(folder)) {
      if (!entry.startsWith('index')) continue;
      const fact = (name: string): string => readFileSync(`${folder}/${entry}/${name}`, 'utf8').trim();
      if (fact('type') !== 'Instruction') sizes.set(fact('level'), bytesOf(fact('size')));
    }
  } catch {
    // Another system, or a container that hides it.
  }
  const l2 = sizes.get('2') || usualSizes.l2;
  return { l2, l3: Math.max(sizes.get('3') || usualSizes.l3, 4 * l2) };
};

/** Of a text such as `512K`; 0 for any other. */
const bytesOf = (text: string): number => {
  const [, digits, unit = ''] = /^(\d+)([KMG]?)$/.exec(text) ?? [];
  return Number(digits ?? 0) * 1024 ** ['', 'K', 'M', 'G'].indexOf(unit);
};

/** Working sets of one thread that lie in the second level, in the last one beside that of another thread, and in memory. */
export const workingSets = ({ l2, l3 }: CacheSizes) => ({ l2: l2 / 2, l3: l3 / 4, memory: 4 * l3 });

/** Measures it, each thing about `seconds` long with one thread and with two; every thread has data of its own. */
export const measureSecondThread = async (
  addon: Pick<NativeAddon, 'probe'>,
  seconds: number,
  sizes = cacheSizes(),
): Promise<SecondThread> => {
  const sets = workingSets(sizes);
  const reading = async (bytes: number): Promise<number> => {
    const one = await addon.probe('read', seconds, 1, bytes);
    return (await addon.probe('read', seconds, 2, 2 * bytes)) / one;
  };
  const one = await addon.probe('fma', seconds, 1);
  return {
    fma: (await addon.probe('fma', seconds, 2)) / one,
    l2: await reading(sets.l2),
    l3: await reading(sets.l3),
    memory: await reading(sets.memory),
  };
};

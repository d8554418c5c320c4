/** Row programs on one instruction set; run by src/compile/native/rows*.test.ts, each in a process of its own. */
import { describe } from 'vitest';
import { loadAddon, type NativeAddon } from '../../src/compile/native/addon.js';
import { opcodesSuite } from './rows-opcodes.js';
import { programsSuite } from './rows-programs.js';
import { randomSuite } from './rows-random.js';
import { sumsSuite } from './rows-sums.js';
import { typesSuite } from './rows-types.js';

/** `isa` overrides the choice from the CPU; where the CPU lacks it the suite is skipped. */
export const rowsSuite = (isa: string | undefined): void => {
  if (isa) process.env.NONET_ISA = isa;
  const loaded = load();
  if (loaded && !loaded.addon) throw new Error(`the native core does not load: ${loaded.reason}`);

  describe.skipIf(!loaded)(`row programs (${isa ?? 'default'})`, () => {
    const addon = loaded?.addon as NativeAddon;
    opcodesSuite(addon);
    typesSuite(addon);
    programsSuite(addon);
    randomSuite(addon);
    sumsSuite(addon);
  });
};

/** Undefined where this CPU lacks the instruction set that was asked for. */
const load = () => {
  try {
    return loadAddon();
  } catch {
    return undefined;
  }
};

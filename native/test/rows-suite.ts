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
  let addon: NativeAddon | undefined;
  try {
    addon = loadAddon().addon;
  } catch {
    addon = undefined;
  }

  describe.skipIf(!addon)(`row programs (${isa ?? 'default'})`, () => {
    opcodesSuite(addon as NativeAddon);
    typesSuite(addon as NativeAddon);
    programsSuite(addon as NativeAddon);
    randomSuite(addon as NativeAddon);
    sumsSuite(addon as NativeAddon);
  });
};

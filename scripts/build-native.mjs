/** Builds the native addon from scratch. `--check-config` stops after the configure step, which takes a second. */
import { buildAddon, checkAddonConfiguration } from './toolchain.mjs';

const ok = process.argv.includes('--check-config') ? checkAddonConfiguration() : buildAddon().ok;
process.exitCode = ok ? 0 : 1;

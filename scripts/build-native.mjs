/**
 * Builds the native addon from scratch. `--check-config` stops after the configure step, which takes a second;
 * `--sanitize` builds a second one for native/test/sanitize.sh.
 */
import { buildAddon, buildSanitizedAddon, checkAddonConfiguration } from './toolchain.mjs';

const wants = (option) => process.argv.includes(option);
const ok = wants('--check-config')
  ? checkAddonConfiguration()
  : wants('--sanitize')
    ? buildSanitizedAddon().ok
    : buildAddon().ok;
process.exitCode = ok ? 0 : 1;

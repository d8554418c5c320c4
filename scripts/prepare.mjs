/**
 * npm's `prepare`: builds dist/ and the native addon, each only when it is out of date. It runs inside `npm ci`, so by
 * default nothing here is fatal: what cannot be built is said in one line. `--strict` (npm run build) makes it fatal.
 */
import { addonIsFresh, buildAddon, buildDist, distIsFresh, hasTypeScript, missingBuildTools } from './toolchain.mjs';

const strict = process.argv.includes('--strict');
const slow = 'the reference executor will serve instead, slowly.';

function prepareDist() {
  if (!hasTypeScript()) return 'dist/ is not built: TypeScript is not installed (a run with --omit=dev).';
  if (distIsFresh() || buildDist()) return undefined;
  return 'dist/ was built with errors (see above): run `npm run check`.';
}

function prepareAddon() {
  if (addonIsFresh()) return undefined;
  const missing = missingBuildTools();
  if (missing.length > 0) return `the native addon is not built (missing: ${missing.join(', ')}): ${slow}`;
  console.log('nonet: building the native addon ...');
  const { ok, output } = buildAddon({ quiet: !strict });
  if (ok) return undefined;
  // What the compiler said; node-gyp's own lines are many and say less.
  const told = output.split('\n').filter((line) => line !== '' && !line.startsWith('gyp '));
  if (told.length > 0) console.error(told.slice(-20).join('\n'));
  return `the native addon failed to build (\`npm run build:native\` shows all of it): ${slow}`;
}

const problems = [prepareDist(), prepareAddon()].filter((problem) => problem !== undefined);
for (const problem of problems) console.warn(`nonet: ${problem}`);
process.exitCode = strict && problems.length > 0 ? 1 : 0;

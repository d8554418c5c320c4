/**
 * What the other scripts share: where things are, whether a build is fresh, and how tsc and node-gyp are called.
 * Plain JavaScript on Node built-ins alone, because `npm ci` runs it before anything of ours is built.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const native = join(root, 'native');
const addon = join(native, 'build', 'Release', 'nonet.node');
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const bundler = join(root, 'scripts', 'bundle.mjs');
const bundled = ['index.js', 'nonet.js'].map((name) => join(root, 'dist', 'bundle', name));
const nodeGyp = join(root, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');

/** Runs Node with `args` in the root. `quiet` collects the output instead of showing it. */
export function runNode(args, { quiet = false, env = process.env } = {}) {
  const result = spawnSync(process.execPath, args, {
    cwd: root,
    env,
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return { ok: result.status === 0, output: `${result.stdout ?? ''}${result.stderr ?? ''}` };
}

/** The files below `path` (itself when it is a file) that `keep` accepts; none when it does not exist. */
function filesUnder(path, keep = () => true) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return keep(path) ? [path] : [];
  return readdirSync(path).flatMap((name) => filesUnder(join(path, name), keep));
}

const modified = (path) => statSync(path).mtimeMs;

/**
 * True when `dist/` holds an output for every source of `src/`, none older than its source or the configuration, and a
 * bundle that is not older than any output.
 */
export function distIsFresh() {
  const sources = filesUnder(join(root, 'src'), (path) => /(?<!\.test|\.d|[\\/]test-support)\.ts$/.test(path));
  const outputOf = (source) => join(root, 'dist', source.slice(join(root, 'src').length).replace(/\.ts$/, '.js'));
  const isFresh = (output, inputs) =>
    existsSync(output) && inputs.every((input) => modified(output) >= modified(input));
  const configuration = ['tsconfig.json', 'tsconfig.build.json'].map((name) => join(root, name));
  return (
    sources.every((source) => isFresh(outputOf(source), [source, ...configuration])) &&
    bundled.every((output) => isFresh(output, [bundler, ...sources.map(outputOf)]))
  );
}

/** True when the addon is newer than everything it is built from. */
export function addonIsFresh() {
  if (!existsSync(addon)) return false;
  const sources = [join(native, 'binding.gyp'), ...filesUnder(join(native, 'src'))].filter(existsSync);
  return sources.every((source) => modified(source) <= modified(addon));
}

export const hasTypeScript = () => existsSync(tsc);

/** Compiles `src/` to `dist/` and bundles that, even when there are type errors: tsc writes all the same. */
export function buildDist() {
  const compiled = runNode([tsc, '-p', 'tsconfig.build.json']).ok;
  return runNode([bundler]).ok && compiled;
}

/** Type-checks everything, tests included, without writing. */
export const checkTypes = () => runNode([tsc, '--noEmit']).ok;

const onPath = (command) =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, command)));

/** The tools a native build needs and this machine lacks. Windows finds its compiler by other means: not looked at. */
export function missingBuildTools() {
  if (process.platform === 'win32') return [];
  const compiler = (process.env.CXX ?? '').split(' ')[0];
  const needs = [
    { name: 'make', found: onPath('make') },
    { name: 'a C++ compiler (g++)', found: compiler !== '' || onPath('g++') || onPath('c++') || onPath('clang++') },
    { name: 'python3', found: onPath('python3') || onPath('python') || process.env.PYTHON !== undefined },
  ];
  return needs.filter((need) => !need.found).map((need) => need.name);
}

/**
 * `--nodedir` for node-gyp when the running Node brought its headers along. Passed on the command line so that neither
 * the user's npm configuration nor the network decides which headers are used.
 */
function headerArguments() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

/** Builds the addon from scratch with the node-gyp of our dependencies. One that does not load is no addon. */
export function buildAddon({ quiet = false } = {}) {
  const built = runNode([nodeGyp, '-C', native, 'rebuild', '-j', '2', ...headerArguments()], { quiet });
  if (!built.ok) return built;
  // Linked without complaint even where a source is missing in binding.gyp: its symbols could be Node's.
  const loaded = runNode(['--eval', `require(${JSON.stringify(addon)})`], { quiet });
  if (!loaded.ok) rmSync(addon);
  return { ok: loaded.ok, output: built.output + loaded.output };
}

/**
 * Builds the addon with AddressSanitizer and UBSan in a folder of its own, of the same `binding.gyp`: what the
 * environment asks of the compiler comes behind the flags that are written there. Files that did not change are not
 * compiled again.
 */
export function buildSanitizedAddon() {
  const folder = join(native, 'build-sanitize');
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(native, 'binding.gyp'), join(folder, 'binding.gyp'));
  if (!existsSync(join(folder, 'src'))) symlinkSync(join('..', 'src'), join(folder, 'src'));
  const sanitizers = '-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer';
  const env = { ...process.env, CXXFLAGS: `${sanitizers} -O1 -g1`, LDFLAGS: sanitizers };
  return runNode([nodeGyp, '-C', folder, 'configure', 'build', '-j', '2', ...headerArguments()], { env });
}

/**
 * Runs node-gyp's configure step alone, and says whether it succeeded without fetching headers that are already here.
 */
export function checkAddonConfiguration() {
  const downloads = mkdtempSync(join(tmpdir(), 'nonet-headers-'));
  try {
    const headers = headerArguments();
    const { ok } = runNode([nodeGyp, '-C', native, 'configure', `--devdir=${downloads}`, ...headers]);
    return ok && (headers.length === 0 || readdirSync(downloads).length === 0);
  } finally {
    rmSync(downloads, { recursive: true, force: true });
  }
}

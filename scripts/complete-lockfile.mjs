/**
 * Run after a change of dependencies: adds to package-lock.json the optional packages of other platforms that npm left
 * out. A registry that mirrors only some platforms answers 404 for the rest; `npm install` then drops them from the
 * lockfile, and `npm ci` refuses a lockfile without them. An entry with its version and platform is all that npm needs
 * to pass over a package that this machine cannot use.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './toolchain.mjs';

const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32', 'aix', 'sunos', 'netbsd', 'openbsd'];
const processors = ['arm64', 'arm', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'wasm32'];

/** The platform that such a package names after its own name: `binding-linux-arm64-musl`, `cli-win32-x64`. */
function platformOf(name) {
  const words = name.split(/[-/]/);
  const os = systems.filter((system) => words.includes(system));
  const cpu = processors.filter((processor) => words.includes(processor));
  const libc = ['musl', 'glibc'].filter((library) => words.includes(library === 'glibc' ? 'gnu' : library));
  return {
    ...(cpu.length > 0 && { cpu }),
    ...(libc.length > 0 && { libc }),
    ...(os.length > 0 && { os }),
  };
}

const path = join(root, 'package-lock.json');
const lock = JSON.parse(readFileSync(path, 'utf8'));
const added = {};
for (const parent of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    const platform = platformOf(name);
    // Without an exact version or a platform there is nothing sound to write.
    if (key in lock.packages || !/^\d+\.\d+\.\d+$/.test(version) || Object.keys(platform).length === 0) continue;
    added[key] = { version, ...platform, ...(parent.dev && { dev: true }), optional: true };
  }
}
lock.packages = Object.fromEntries(
  Object.entries({ ...lock.packages, ...added }).sort(([a], [b]) => a.localeCompare(b, 'en')),
);
writeFileSync(path, `${JSON.stringify(lock, undefined, 2)}\n`);
console.log(`${Object.keys(added).length} packages of other platforms added`);

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/**
 * What a user of the published package writes, as TypeScript, with what it prints as JavaScript.
 * To extend: add an entry; `code` must type-check under `strict` and print `prints`.
 */
const programs: readonly { readonly name: string; readonly code: string; readonly prints: string }[] = [
  {
    name: 'text-to-bits',
    code: `
      import { bitsToText, textToBits } from 'nonet';
      const bits: Uint8Array = textToBits('Call me Ishmael.', { parity: true });
      const text: string = bitsToText(bits, { parity: true });
      console.log(bits.length, text);
    `,
    prints: '144 Call me Ishmael.\n',
  },
  {
    name: 'typed-errors',
    code: `
      import { bitsToText, NonetError } from 'nonet';
      try {
        bitsToText(Uint8Array.of(1, 0, 1), { parity: true });
      } catch (error) {
        if (error instanceof NonetError) console.log(error.code);
      }
    `,
    prints: 'E_CODEC\n',
  },
  {
    name: 'line-of-a-wrong-shape',
    code: `
      import { compile, hostArray, ops, type Tensor } from 'nonet';
      const square = compile((x: Tensor) => ops.matmul(x, x));
      const wrong = hostArray(new Float32Array(6), [2, 3]);
      await square(wrong).catch(({ details }) => console.log(details.at.split('/').at(-1)));
    `,
    prints: 'line-of-a-wrong-shape.js:2:35\n',
  },
  {
    name: 'compiled-gradient',
    code: `
      import { compile, type HostArray, hostArray, ops, type Tensor, valueAndGrad } from 'nonet';
      const squares = valueAndGrad((x: Tensor) => ops.sum(ops.mul(x, x)));
      const [value, slope]: HostArray[] = await compile((x: Tensor) => squares(x))(hostArray(Float32Array.of(1, 2, 3)));
      console.log(value?.item(), slope?.data.join());
    `,
    prints: '14 2,4,6\n',
  },
];

/** Files that the tarball must bring, and prefixes that it must not. */
const packed = [
  'package.json',
  'README.md',
  'LICENSE',
  'dist/index.d.ts',
  'dist/bundle/index.js',
  'dist/bundle/nonet.js',
];
const unwanted = ['src/', 'test/', 'node_modules/', 'runs/', 'native/build/Release/obj'];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const project = mkdtempSync(join(tmpdir(), 'nonet-package-'));
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');

/** What a user's own shell would have: without the variables by which `npm test` speaks of this package. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_(package|lifecycle|config_local_prefix)|INIT_CWD)/.test(name)),
);

/** The command's output; when it fails, an error that shows what it printed. */
function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', env: environment });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${stdout}${stderr}`);
}

/** Type-checks files of the project and writes the JavaScript beside them. */
function compile(...files: readonly string[]): void {
  const strict = ['--strict', '--module', 'NodeNext', '--moduleResolution', 'NodeNext', '--target', 'ES2022'];
  // @types/node is the user's own; ours stands in for it here.
  const types = ['--typeRoots', join(root, 'node_modules', '@types'), '--types', 'node'];
  run(process.execPath, [tsc, ...strict, ...types, ...files], project);
}

let files: readonly string[] = [];

beforeAll(() => {
  if (!existsSync(join(root, 'dist', 'bundle', 'index.js')))
    throw new Error('dist/ is not built: run `npm run build` first');
  const report: { filename: string; files: { path: string }[] }[] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], root),
  );
  files = report[0]?.files.map(({ path }) => path) ?? [];
  const tarball = join(project, report[0]?.filename ?? '');
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'a-user', private: true, type: 'module' }));
  run('npm', ['install', tarball, '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'], project);
}, 180_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

describe('the packed package, installed in an empty project', () => {
  it('brings what it needs and leaves the rest at home', () => {
    expect(files).toEqual(expect.arrayContaining(packed));
    expect(files.filter((path) => unwanted.some((prefix) => path.startsWith(prefix)))).toEqual([]);
    expect(files.filter((path) => path.includes('.test.'))).toEqual([]);
  });

  it('installs a command that answers --help', () => {
    expect(run(join(project, 'node_modules', '.bin', 'nonet'), ['--help'], project)).toContain('train');
  });

  it('type-checks what users write', () => {
    // Together: most of the time goes into reading the types.
    for (const { name, code } of programs) writeFileSync(join(project, `${name}.ts`), code);
    compile(...programs.map(({ name }) => `${name}.ts`));
  });

  it.each(programs)('runs $name', ({ name, prints }) => {
    expect(run(process.execPath, [`${name}.js`], project)).toBe(prints);
  });

  it('runs its examples once TypeScript is there, and asks for it until then', () => {
    const example = join('node_modules', 'nonet', 'examples', 'run.mjs');
    expect(() => run(process.execPath, [example, 'bits-and-parity'], project)).toThrow(
      /ended with 1\nexamples are TypeScript: run "npm install typescript" first\n$/,
    );
    symlinkSync(join(root, 'node_modules', 'typescript'), join(project, 'node_modules', 'typescript'));
    expect(run(process.execPath, [example, 'bits-and-parity'], project)).toContain('damaged:');
  });

  it('refuses a program that misuses the types', () => {
    writeFileSync(join(project, 'wrong.ts'), `import { textToBits } from 'nonet';\ntextToBits(42);\n`);
    // TS2345: an argument of the wrong type. Any other error would mean that the types were not found.
    expect(() => compile('wrong.ts')).toThrow(/wrong\.ts\(2,\d+\): error TS2345/);
  });
});

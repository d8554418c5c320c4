import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';
import { describe, expect, it } from 'vitest';

/** The house: floors from the ground up, the rooms of each from left to right. A new room is one name here. */
const floors: readonly (readonly string[])[] = [
  ['core'],
  ['tensor'],
  ['transform'],
  ['compile'],
  ['nn', 'optim'],
  ['codec', 'data', 'models', 'checkpoint'],
  ['telemetry', 'quantize', 'generate', 'distributed', 'train'],
  ['serve', 'web'],
  ['cli'],
];

/** The one file that stands outside every room and may import them all. */
const entry = 'index.ts';

interface Import {
  readonly specifier: string;
  /** Erased by the compiler: counts for the rooms, not for cycles at run time. */
  readonly typeOnly: boolean;
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What a source text imports, re-exports included; a dynamic import counts when its specifier is a literal. */
function importsOf(path: string, source: string): Import[] {
  const { module, errors } = parseSync(path, source);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const imports = module.staticImports.map(({ moduleRequest, entries }) => ({
    specifier: moduleRequest.value,
    typeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
  }));
  const exports = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ moduleRequest, isType }) =>
      moduleRequest ? [{ specifier: moduleRequest.value, typeOnly: isType }] : [],
    ),
  );
  const dynamic = module.dynamicImports.flatMap(({ moduleRequest }) => {
    const literal = /^(['"])(.*)\1$/.exec(source.slice(moduleRequest.start, moduleRequest.end));
    return literal?.[2] === undefined ? [] : [{ specifier: literal[2], typeOnly: false }];
  });
  return [...imports, ...exports, ...dynamic];
}

/** The file below src/ that a relative specifier of `file` names: `../core/errors.js` -> `core/errors.ts`. */
const resolve = (file: string, specifier: string) => posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts');

/** `@scope/name/sub` -> `@scope/name`, `name/sub` -> `name`. */
const packageOf = (specifier: string) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

function place(file: string): { floor: number; position: number } | undefined {
  const room = file.includes('/') ? file.slice(0, file.indexOf('/')) : '';
  const floor = floors.findIndex((rooms) => rooms.includes(room));
  return floor < 0 ? undefined : { floor, position: floors[floor]?.indexOf(room) ?? -1 };
}

/** Why `file` may not import `target`, both relative to src/; undefined when it may. */
function forbidden(file: string, target: string): string | undefined {
  if (file === entry) return undefined;
  const from = place(file);
  const to = place(target);
  if (!from) return `${file} stands in no room`;
  if (!to) return `${file} imports ${target}, which stands in no room`;
  if (to.floor > from.floor) return `${file} imports ${target}, on a higher floor`;
  if (to.floor === from.floor && to.position > from.position) return `${file} imports ${target}, a room to the right`;
  return undefined;
}

/** The first cycle among the run-time imports, as a path of files; undefined when there is none. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next, [...path, file]);
      if (cycle) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file, []);
    if (cycle) return cycle;
  }
  return undefined;
}

const sources = new Map(
  readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((item) => item.isFile() && /\.tsx?$/.test(item.name))
    .map((item) => join(item.parentPath, item.name))
    .map((path) => [
      relative(join(root, 'src'), path).split(sep).join('/'),
      importsOf(path, readFileSync(path, 'utf8')),
    ]),
);
const isTest = (file: string) => /\.test\.tsx?$/.test(file);
const production = [...sources].filter(([file]) => !isTest(file));

describe('the rooms of src/', () => {
  it('import only lower floors and rooms to the left', () => {
    const broken = production.flatMap(([file, imports]) => {
      const targets = imports.filter(({ specifier }) => specifier.startsWith('.'));
      // A file that imports nothing must stand in a room too.
      const reasons = [
        forbidden(file, file),
        ...targets.map(({ specifier }) => forbidden(file, resolve(file, specifier))),
      ];
      return [...new Set(reasons.filter((reason) => reason !== undefined))];
    });
    expect(broken).toEqual([]);
  });

  it('import only files that exist, by a .js path', () => {
    const missing = production.flatMap(([file, imports]) =>
      imports
        .filter(({ specifier }) => specifier.startsWith('.') && !specifier.endsWith('.json'))
        .filter(({ specifier }) => !specifier.endsWith('.js') || !sources.has(resolve(file, specifier)))
        .map(({ specifier }) => `${file} imports ${specifier}`),
    );
    expect(missing).toEqual([]);
  });

  it('import only packages that are listed as dependencies', () => {
    const manifest: { dependencies: Record<string, string> } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    );
    const unlisted = production.flatMap(([file, imports]) =>
      imports
        .map(({ specifier }) => specifier)
        .filter((specifier) => !specifier.startsWith('.') && !isBuiltin(specifier))
        .filter((specifier) => !(packageOf(specifier) in manifest.dependencies))
        .map((specifier) => `${file} imports ${specifier}`),
    );
    expect(unlisted).toEqual([]);
  });

  it('never import in a circle', () => {
    const graph = new Map(
      production.map(([file, imports]) => [
        file,
        imports
          .filter(({ specifier, typeOnly }) => specifier.startsWith('.') && !typeOnly)
          .map(({ specifier }) => resolve(file, specifier)),
      ]),
    );
    expect(findCycle(graph)).toBeUndefined();
  });
});

describe('the import rule', () => {
  it('reads imports, re-exports, type imports and dynamic imports', () => {
    const source = `
      import a, { type B } from './a.js';
      import type { C } from './c.js';
      export * from './d.js';
      export type { E } from './e.js';
      const f = await import('node:fs');
      const g = await import(f);
    `;
    expect(importsOf('x.ts', source)).toEqual([
      { specifier: './a.js', typeOnly: false },
      { specifier: './c.js', typeOnly: true },
      { specifier: './d.js', typeOnly: false },
      { specifier: './e.js', typeOnly: true },
      { specifier: 'node:fs', typeOnly: false },
    ]);
  });

  it.each([
    ['nn/linear.ts', 'tensor/graph.ts', undefined],
    ['data/batches.ts', 'codec/bits.ts', undefined],
    ['nn/linear.ts', 'nn/norm.ts', undefined],
    ['index.ts', 'cli/main.ts', undefined],
    ['tensor/graph.ts', 'nn/linear.ts', 'on a higher floor'],
    ['codec/bits.ts', 'data/batches.ts', 'a room to the right'],
    ['attic/old.ts', 'core/errors.ts', 'stands in no room'],
    ['cli/main.ts', 'index.ts', 'stands in no room'],
  ])('judges %s -> %s', (file, target, reason) => {
    if (reason === undefined) expect(forbidden(file, target)).toBeUndefined();
    else expect(forbidden(file, target)).toContain(reason);
  });

  it('finds a circle and names its files', () => {
    const graph = new Map([
      ['a.ts', ['b.ts']],
      ['b.ts', ['c.ts']],
      ['c.ts', ['b.ts']],
    ]);
    expect(findCycle(graph)).toEqual(['b.ts', 'c.ts', 'b.ts']);
    expect(findCycle(new Map([['a.ts', ['b.ts']]]))).toBeUndefined();
  });

  it.each([
    ['zod', 'zod'],
    ['yaml/util', 'yaml'],
    ['@scope/name/sub', '@scope/name'],
  ])('knows that %s belongs to the package %s', (specifier, name) => {
    expect(packageOf(specifier)).toBe(name);
  });
});

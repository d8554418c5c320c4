import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runCli } from '../src/cli/run-cli.js';
import { kernels } from '../src/compile/lower/instruction.js';
import { opcodes } from '../src/compile/lower/opcodes.js';
import * as library from '../src/index.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const pages = [
  'README.md',
  'docs/guide.md',
  'docs/training.md',
  'docs/recipes.md',
  'docs/olmax-config.md',
  'docs/olmax.md',
  'docs/sweeps.md',
  'docs/transforms.md',
  'docs/engine.md',
].map((path) => ({
  path,
  text: readFileSync(join(root, path), 'utf8'),
}));

const inCode = (text: string): string[] => [...text.matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!);

const withoutCode = (text: string): string => text.replace(/```[\s\S]*?```|`[^`\n]+`/g, '');

/** Command lines of nonet in the shell examples of a page, without comments. */
const commandLines = (text: string): string[] =>
  [...text.matchAll(/```sh\n([\s\S]*?)```/g)]
    .flatMap((match) => match[1]!.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, '').replace(/^npx /, ''))
    .filter((line) => line.startsWith('nonet '));

/** The help of a command, as it is printed. */
const helpOf = async (command: readonly string[]): Promise<string> => {
  const pieces: string[] = [];
  const out = { write: (data: string | Uint8Array) => pieces.push(String(data)) };
  const code = await runCli([...command, '--help'], { out, err: out, env: {} });
  expect(code, pieces.join('')).toBe(0);
  return pieces.join('');
};

const commandOf = (line: string): string[] => line.split(' ').slice(1, line.startsWith('nonet runs ') ? 3 : 2);

describe.each(pages)('$path', ({ path, text }) => {
  it('names only files that exist', () => {
    const names = inCode(text).filter((code) =>
      /^(src|native|test|bench|recipes|examples|scripts|docs)\/[\w./-]+$/.test(code),
    );
    expect(names.filter((name) => !existsSync(join(root, name)))).toEqual(written(path));
    const sources = inCode(text).filter((code) => /^[\w/-]+\.(ts|cpp|h)$/.test(code) && !written(path).includes(code));
    expect(sources.filter((name) => filesNamed(name).length === 0)).toEqual([]);
  });

  it('finds every name in the file that it gives for it', () => {
    const given = [...text.matchAll(/`(\w+)` (?:in |\()`([\w/-]+\.(?:ts|cpp|h))`/g)];
    const wrong = given.filter(([, name, file]) => {
      const word = new RegExp(`\\b${name}\\b`);
      return !filesNamed(file!).some((found) => word.test(readFileSync(join(root, found), 'utf8')));
    });
    expect(wrong.map(([statement]) => statement)).toEqual([]);
  });

  it('links only to pages and headings that exist', () => {
    const targets = [...withoutCode(text).matchAll(/\]\((?!https?:)([^)]+)\)/g)].map((match) => match[1]!);
    const broken = targets.filter((target) => {
      const [file, heading] = target.split('#') as [string, string?];
      const page = file === '' ? path : join(dirname(path), file);
      if (!existsSync(join(root, page))) return true;
      return heading !== undefined && !anchors(readFileSync(join(root, page), 'utf8')).includes(heading);
    });
    expect(broken).toEqual([]);
  });

  it('shows only commands and options that there are', async () => {
    for (const line of commandLines(text)) {
      const help = await helpOf(commandOf(line));
      const unknown = [...line.matchAll(/ (--[\w-]+)/g)]
        .map((match) => match[1]!)
        .filter((option) => !help.includes(option));
      expect(unknown, line).toEqual([]);
    }
  });
});

describe('the library', () => {
  it.each([
    ['docs/guide.md', /What the command does is there as functions: (.*?)\. /],
    ['README.md', /^\| Gradients \| (.*?);/m],
  ])('has the functions that %s names', (path, sentence) => {
    const names = inCode(sentence.exec(pages.find((page) => page.path === path)!.text)![1]!);
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !Object.hasOwn(library, name))).toEqual([]);
  });
});

describe('the file tree of the README', () => {
  it('has every folder of the repository and every room of src/', () => {
    const tree = /```text\n([\s\S]*?)```/.exec(pages[0]!.text)![1]!;
    const rooms = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const folders = [
      'native',
      'test',
      'bench',
      'recipes',
      'examples',
      'scripts',
      'docs',
      ...rooms.map(({ name }) => name),
    ];
    expect(folders.filter((name) => !new RegExp(`^ *${name}/ `, 'm').test(tree))).toEqual([]);
  });
});

describe('the engine page', () => {
  const { text } = pages.find(({ path }) => path === 'docs/engine.md')!;

  it('has every kernel in its table', () => {
    expect(Object.keys(kernels).filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });

  it('gives its new op the next free opcode', () => {
    const taken = Object.values(opcodes);
    const next = Array.from({ length: 30 }, (_, i) => 10 + i).find((number) => !taken.includes(number));
    expect([...text.matchAll(/softsign(?: =|:|: \{ op:) (\d+)/g)].map((match) => Number(match[1]))).toEqual([
      next,
      next,
      next,
    ]);
  });
});

const sourceFiles = ['src', 'native/src', 'native/test', 'test'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`),
);

/** Files by the end of their path, as the text names them once it has said which folder it is in. */
const filesNamed = (name: string): string[] => sourceFiles.filter((file) => file === name || file.endsWith(`/${name}`));

/** Files that a page tells the reader to write. */
const written = (path: string): string[] => (path === 'docs/engine.md' ? ['src/tensor/ops/softsign.ts'] : []);

const anchors = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );

import { extname, resolve } from 'node:path';
import type { Document } from 'yaml';
import { NonetError } from './errors.js';
import { readText } from './files.js';
import { yaml } from './libraries.js';
import { recipePath } from './recipe-path.js';

/** A configuration before any schema has looked at it. */
export type ConfigTree = { readonly [key: string]: unknown };

/**
 * Reads a recipe, `.yaml`, `.yml` or `.json`. Its key `extends` names another recipe, by its path relative to the file that
 * names it or as one of those that come with nonet, which is read first; groups are merged key by key, anything else (lists
 * too) replaces what was there.
 *
 * @throws NonetError `E_FILE` where a file cannot be read; `E_CONFIG` for a syntax error (with file, line and column),
 *   another extension, or recipes that extend each other in a circle.
 */
export async function loadRecipe(path: string): Promise<ConfigTree> {
  return loadInChain(resolve(path), path, []);
}

async function loadInChain(path: string, shownPath: string, chain: readonly string[]): Promise<ConfigTree> {
  if (chain.includes(path)) {
    const circle = [...chain.slice(chain.indexOf(path)), path].join(' -> ');
    throw new NonetError('E_CONFIG', `recipes extend each other in a circle: ${circle}. Remove one "extends".`, {
      path,
    });
  }
  const { extends: base, ...own } = parseRecipe(await readText(path), shownPath);
  if (base === undefined) return own;
  if (typeof base !== 'string' || base === '') {
    throw new NonetError(
      'E_CONFIG',
      `${shownPath}: "extends" is ${JSON.stringify(base)}, expected the path or the name of a recipe.`,
      {
        path,
      },
    );
  }
  const basePath = await recipePath(base, path);
  return mergeTrees(await loadInChain(basePath, basePath, [...chain, path]), own);
}

/** `overrides` laid over `base`: groups merge, anything else replaces. Neither argument is changed. */
export function mergeTrees(base: ConfigTree, overrides: ConfigTree): ConfigTree {
  const merged = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(overrides)) {
    const below = merged.get(key);
    merged.set(key, isTree(below) && isTree(value) ? mergeTrees(below, value) : value);
  }
  // fromEntries defines own properties: a key `__proto__` stays data, for the schema to refuse.
  return Object.fromEntries(merged);
}

/** Whether a value is a group of keys. */
export function isTree(value: unknown): value is ConfigTree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseRecipe(text: string, path: string): ConfigTree {
  const extension = extname(path).toLowerCase();
  if (!['.yaml', '.yml', '.json'].includes(extension)) {
    throw new NonetError('E_CONFIG', `${path}: a recipe is a .yaml, .yml or .json file, this is "${extension}".`, {
      path,
    });
  }
  const value = extension === '.json' ? parseJson(text, path) : parseYaml(text, path);
  // An empty file, or one of comments only, sets nothing.
  if (value === null) return {};
  if (!isTree(value)) {
    throw new NonetError('E_CONFIG', `${path}: a recipe is a mapping of keys to values ("seed: 1"), this is not one.`, {
      path,
    });
  }
  return value;
}

function parseYaml(text: string, path: string): unknown {
  const document = yaml().parseDocument(text);
  throwOnSyntaxError(document, path);
  try {
    return document.toJS() as unknown;
  } catch (error) {
    // Aliases that grow without bound are noticed only here.
    const reason = error instanceof Error ? error.message : String(error);
    throw new NonetError('E_CONFIG', `${path}: ${reason}.`, { path }, { cause: error });
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // JSON.parse does not always say where; the YAML parser, whose flow syntax is almost JSON, does.
    throwOnSyntaxError(yaml().parseDocument(text, { schema: 'json' }), path);
    const reason = error instanceof Error ? error.message : String(error);
    throw new NonetError('E_CONFIG', `${path}: ${reason}.`, { path }, { cause: error });
  }
}

function throwOnSyntaxError(document: Document.Parsed, path: string): void {
  const problem = document.errors[0];
  if (!problem) return;
  const { line = 1, col: column = 1 } = problem.linePos?.[0] ?? {};
  const reason = firstLine(problem.message).replace(/ at line \d+, column \d+:?$/, '');
  throw new NonetError('E_CONFIG', `${path}:${line}:${column}: ${reason}.`, { path, line, column }, { cause: problem });
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

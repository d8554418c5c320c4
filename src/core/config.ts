import type { z } from 'zod';
import { NonetError } from './errors.js';
import { nearestKey } from './nearest.js';
import { type ConfigTree, isTree } from './recipe.js';
import { describeType, type KnownKey, knownKeys, typeAt } from './schema-keys.js';

export { applyOverrides } from './overrides.js';
export { type ConfigTree, isTree, loadRecipe, mergeTrees } from './recipe.js';
export { jsonSchema, type KnownKey, knownKeys } from './schema-keys.js';

/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** Dotted path, `data.sources[0].path`. */
  readonly key: string;
  /** What is there and what was expected. */
  readonly problem: string;
}

/**
 * Checks a configuration against its schema and fills in the defaults.
 *
 * @param source where the tree comes from, for the message: a path, `the command line`
 * @throws NonetError `E_CONFIG` that lists every problem, one a line; `details.problems` holds them as
 *   {@link ConfigProblem}s. An unknown key comes with the nearest known one.
 */
export function validateConfig<Schema extends z.ZodType>(
  schema: Schema,
  tree: ConfigTree,
  source: string,
): z.output<Schema> {
  const result = schema.safeParse(tree);
  if (result.success) return result.data;
  const keys = knownKeys(schema);
  const problems = result.error.issues.flatMap((issue) => explain(issue, [], { schema, tree, keys }));
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  const lines = problems.map(({ key, problem }) => `  ${key === '' ? '' : `${key}: `}${problem}`);
  throw new NonetError('E_CONFIG', `${source} has ${count}:\n${lines.join('\n')}`, { source, problems });
}

type Path = readonly PropertyKey[];

interface Checked {
  readonly schema: z.ZodType;
  readonly tree: ConfigTree;
  readonly keys: readonly KnownKey[];
}

function explain(issue: z.core.$ZodIssue, parent: Path, checked: Checked): ConfigProblem[] {
  const { schema, tree, keys } = checked;
  const path = [...parent, ...issue.path];
  const key = dotted(path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((name) => unknownKey([...path, name], keys));
  }
  if (issue.code === 'invalid_union') {
    const branch = meantBranch(issue.errors);
    if (branch) return branch.flatMap((inner) => explain(inner, path, checked));
  }
  const value = valueAt(tree, path);
  const what = value === undefined ? 'is missing' : `is ${shorten(value)}`;
  // A refinement knows better than the type what it did not like; of a group it says what is in it.
  if (issue.code === 'custom') return [{ key, problem: isTree(value) ? issue.message : `${what}, ${issue.message}` }];
  // Of a choice the issue knows what can be chosen here: in another branch of a union there may be more. Items of lists and
  // entries of free mappings are no known keys of their own.
  const type =
    issue.code === 'invalid_value'
      ? describeType({ enum: issue.values as string[] })
      : (keys.find((known) => known.key === generic(path))?.type ?? typeAt(schema, path));
  return [{ key, problem: `${what}, expected ${type ?? expectation(issue)}` }];
}

/** The alternative of a union that the value has the right kind for, if there is exactly one. */
function meantBranch(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] | undefined {
  const meant = branches.filter(
    (issues) => !issues.some((issue) => issue.path.length === 0 && issue.code !== 'unrecognized_keys'),
  );
  return meant.length === 1 ? meant[0] : undefined;
}

function unknownKey(path: Path, keys: readonly KnownKey[]): ConfigProblem {
  const wanted = generic(path);
  const names = new Set(keys.flatMap(({ key }) => withGroups(key)));
  const key = dotted(path);
  // Known all the same: of another branch of a union.
  if (names.has(wanted)) {
    const meant = keys.find((known) => known.key === wanted || known.key.startsWith(`${wanted}.`));
    const belongs = meant?.goesWith ? `: it belongs to ${meant.goesWith.join(' and ')}` : '';
    return { key, problem: `does not go with the other keys here${belongs}` };
  }
  const suggestion = nearestKey(wanted, names);
  if (suggestion !== undefined) {
    // Put the item numbers back that `generic` took out.
    const items = path.filter((part) => typeof part === 'number');
    const shown = suggestion.replace(/\[\]/g, () => `[${items.shift() ?? 0}]`);
    return { key, problem: `unknown key; did you mean ${shown}?` };
  }
  const group = wanted.slice(0, Math.max(0, wanted.lastIndexOf('.')));
  const siblings = [...names].filter((name) => name.slice(0, Math.max(0, name.lastIndexOf('.'))) === group);
  const leaves = siblings.map((name) => name.slice(name.lastIndexOf('.') + 1));
  return { key, problem: `unknown key; known here are ${leaves.join(', ')}` };
}

/** `a.b.c` and the groups it stands in: `a.b`, `a`. Items of lists are no groups of their own. */
function withGroups(key: string): string[] {
  const parts = key.split('.');
  return parts.map((_, index) => parts.slice(0, index + 1).join('.')).filter((name) => !name.endsWith('[]'));
}

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return issue.expected === 'object' ? 'a group of keys' : issue.expected;
  return issue.message.replace(/^.*?expected /i, '');
}

function valueAt(tree: unknown, path: Path): unknown {
  let value = tree;
  for (const part of path) {
    if (Array.isArray(value)) value = value[Number(part)];
    else if (isTree(value) && Object.hasOwn(value, part)) value = value[String(part)];
    else return undefined;
  }
  return value;
}

function dotted(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

/** The path as {@link knownKeys} writes it, without item numbers. */
function generic(path: Path): string {
  return dotted(path).replace(/\[\d+\]/g, '[]');
}

function shorten(value: unknown): string {
  if (Array.isArray(value)) return value.length > 0 ? `a list of ${value.length}` : 'an empty list';
  if (isTree(value)) return 'a group of keys';
  const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

import { NonetError } from '../../core/errors.js';
import { nearest } from '../../core/nearest.js';
import { type ConfigTree, isTree, mergeTrees } from '../../core/recipe.js';
import { type OlmaxKey, type OlmaxKind, olmaxKeys } from './table.js';

export interface ConvertedRecipe {
  /** A recipe as it would be written by hand. */
  readonly recipe: ConfigTree;
  /** Of each key that has no meaning here. */
  readonly warnings: readonly string[];
}

/** What is so in Olmax without a key for it. */
const start: ConfigTree = {
  data: { separator: 4 },
  model: { family: 'olmax' },
  train: { schedule: 'exponential', clipKind: 'weight' },
};

/**
 * A recipe with the settings of a configuration of the public Olmax project. Keys that it leaves out have the values that
 * they have there. Groups and names may be in camelCase or snake_case; a name that is known in one group only is found in
 * any.
 *
 * @param source where the tree comes from, for the messages.
 * @throws NonetError `E_CONFIG` for values of wrong types, all of them named, and for a tree without any known key.
 *
 * @example
 * fromOlmax({ dims: { depth: 64 }, optimizer: { weight_decay: 0.001 } }, 'narrow.yaml').recipe;
 */
export const fromOlmax = (tree: ConfigTree, source: string): ConvertedRecipe => {
  const given = leavesOf(tree, []).map(({ path, value }) => ({ path, value, rule: ruleOf(path) }));
  requireFits(given, source);
  const optimizer = optimizerOf(given);
  const isRead = ({ readBy }: OlmaxKey): boolean => readBy?.includes(optimizer) ?? true;
  // In the order of the table, so that keys with one target do not depend on the order of the file.
  let recipe = start;
  for (const rule of olmaxKeys.filter(({ to }) => to !== undefined).filter(isRead)) {
    const said = given.filter((leaf) => leaf.rule === rule).map(({ value }) => value);
    for (const value of said.length > 0 ? said : [rule.standard]) recipe = withKey(recipe, rule, value);
  }
  const warnings = given.flatMap(({ path, value, rule }) => {
    const key = path.join('.');
    const leftOut = (why: string): string => `${key}: ${JSON.stringify(value)} is left out: ${why}.`;
    if (rule === undefined) return unknownKey(key, path.at(-1)!);
    if (!isRead(rule)) return leftOut(`train.optimizer ${optimizer} does not read it`);
    if (rule.to !== undefined || (rule.only !== undefined && value === rule.only)) return [];
    return leftOut(rule.note!);
  });
  return { recipe: mergeTrees(recipe, { train: { optimizer } }), warnings };
};

/** The recipe with the key that a rule makes of a value. */
const withKey = (recipe: ConfigTree, { to, values, convert }: OlmaxKey, value: unknown): ConfigTree => {
  if (value === undefined) return recipe;
  const path = to!.split('.');
  const before = path.reduce<unknown>((group, name) => (isTree(group) ? group[name] : undefined), recipe);
  const named = values ? meaning(values, value) : value;
  const set = convert ? convert(named as never, before) : named;
  if (set === undefined) return recipe;
  return mergeTrees(recipe, path.reduceRight<unknown>((below, name) => ({ [name]: below }), set) as ConfigTree);
};

/** What a text is here, if it is one of the values of its key. */
const meaning = (values: Readonly<Record<string, string>>, value: unknown): string | undefined =>
  Object.entries(values).find(([name]) => normal(name) === normal(String(value)))?.[1];

/** The one that the file names, or whose keys it has. */
const optimizerOf = (given: readonly RuledLeaf[]): string => {
  const named = given.find(({ rule }) => rule?.to === 'train.optimizer');
  if (named) return meaning(named.rule!.values!, named.value)!;
  const readers = given.flatMap(({ rule }) => (rule?.readBy ? [rule.readBy] : []));
  return readers.find((names) => !names.includes('tgAdam'))?.[0] ?? 'tgAdam';
};

interface Leaf {
  readonly path: readonly string[];
  readonly value: unknown;
}

interface RuledLeaf extends Leaf {
  readonly rule?: OlmaxKey;
}

/** Everything that is no group; keys without a value say nothing. */
const leavesOf = (tree: ConfigTree, above: readonly string[]): Leaf[] =>
  Object.entries(tree).flatMap(([name, value]) => {
    const path = [...above, name];
    if (isTree(value)) return leavesOf(value, path);
    return value === null ? [] : [{ path, value }];
  });

const normal = (name: string): string => name.toLowerCase().replace(/[-_]/g, '');

/** `group.name` of a key under each of its names, normalised; the group is empty at the top. */
const namesOf = ({ key, also = [] }: OlmaxKey): { group: string; name: string }[] => {
  const parts = key.split('.').map(normal);
  const group = parts.length > 1 ? parts[0]! : '';
  return [parts.at(-1)!, ...also.map(normal)].map((name) => ({ group, name }));
};

const ruleOf = (path: readonly string[]): OlmaxKey | undefined => {
  const name = normal(path.at(-1)!);
  const groups = path.length > 1 ? path.slice(0, -1).map(normal) : [''];
  const named = olmaxKeys.filter((rule) => namesOf(rule).some((known) => known.name === name));
  const here = named.find((rule) => namesOf(rule).some((known) => known.name === name && groups.includes(known.group)));
  return here ?? (named.length === 1 ? named[0] : undefined);
};

const unknownKey = (key: string, name: string): string => {
  const known = nearest(
    name,
    olmaxKeys.map((rule) => rule.key.split('.').at(-1)!),
  );
  return `${key}: is no key of Olmax that is known here${known === undefined ? '' : `; did you mean ${known}?`}`;
};

const fits: Readonly<Record<OlmaxKind, { readonly is: (value: unknown) => boolean; readonly expected: string }>> = {
  count: { is: (value) => Number.isSafeInteger(value) && (value as number) >= 0, expected: 'a whole number from 0 on' },
  number: { is: (value) => typeof value === 'number' && Number.isFinite(value), expected: 'a number' },
  text: { is: (value) => typeof value === 'string' && value !== '', expected: 'text' },
  flag: { is: (value) => typeof value === 'boolean', expected: 'true or false' },
  list: { is: Array.isArray, expected: 'a list' },
};

/** What a value has to be that it is not. */
const misfit = (value: unknown, { kind, values }: OlmaxKey): string | undefined => {
  if (!fits[kind].is(value)) return fits[kind].expected;
  if (values === undefined || meaning(values, value) !== undefined) return undefined;
  return `one of ${Object.keys(values).join(', ')}`;
};

const requireFits = (given: readonly RuledLeaf[], source: string): void => {
  if (!given.some(({ rule }) => rule)) {
    const message = `${source} holds no key of an Olmax configuration, such as dims.features or optimizer.learningRate.`;
    throw new NonetError('E_CONFIG', message, { source });
  }
  const problems = given.flatMap(({ path, value, rule }) => {
    const expected = rule && misfit(value, rule);
    return expected ? [`${path.join('.')}: is ${JSON.stringify(value)}, expected ${expected}`] : [];
  });
  if (problems.length === 0) return;
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  throw new NonetError('E_CONFIG', `${source} has ${count}:\n${problems.map((line) => `  ${line}`).join('\n')}`, {
    source,
    problems,
  });
};

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
  train: { optimizer: 'tgAdam', schedule: 'exponential', clipKind: 'weight', tgBetas: [0, 0, 0] },
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
  const warnings: string[] = [];
  let recipe = start;
  const apply = ({ to, convert }: OlmaxKey, value: unknown): void => {
    const path = to!.split('.');
    const before = path.reduce<unknown>((group, name) => (isTree(group) ? group[name] : undefined), recipe);
    const set = convert ? convert(value as never, before) : value;
    recipe = mergeTrees(recipe, path.reduceRight<unknown>((below, name) => ({ [name]: below }), set) as ConfigTree);
  };
  for (const rule of olmaxKeys) {
    if (rule.to !== undefined && rule.standard !== undefined) apply(rule, rule.standard);
  }
  for (const { path, value, rule } of given) {
    const key = path.join('.');
    if (rule === undefined) warnings.push(unknownKey(key, path.at(-1)!));
    else if (rule.to !== undefined) apply(rule, value);
    else if (rule.only === undefined || value !== rule.only) {
      warnings.push(`${key}: ${JSON.stringify(value)} is left out: ${rule.note}.`);
    }
  }
  const implied = given.find(({ rule }) => rule?.optimizer !== undefined)?.rule?.optimizer;
  if (implied !== undefined && !given.some(({ rule }) => rule?.to === 'train.optimizer')) {
    recipe = mergeTrees(recipe, { train: { optimizer: implied } });
  }
  return { recipe, warnings };
};

interface Leaf {
  readonly path: readonly string[];
  readonly value: unknown;
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

const requireFits = (given: readonly (Leaf & { readonly rule?: OlmaxKey })[], source: string): void => {
  if (!given.some(({ rule }) => rule)) {
    const message = `${source} holds no key of an Olmax configuration, such as dims.features or optimizer.learningRate.`;
    throw new NonetError('E_CONFIG', message, { source });
  }
  const problems = given.flatMap(({ path, value, rule }) =>
    rule && !fits[rule.kind].is(value)
      ? [`${path.join('.')}: is ${JSON.stringify(value)}, expected ${fits[rule.kind].expected}`]
      : [],
  );
  if (problems.length === 0) return;
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  throw new NonetError('E_CONFIG', `${source} has ${count}:\n${problems.map((line) => `  ${line}`).join('\n')}`, {
    source,
    problems,
  });
};

import type { z } from 'zod';
import { zod } from './libraries.js';
import { isTree } from './recipe.js';

/** One key of a configuration, as its schema describes it. */
export interface KnownKey {
  /** Dotted path. An item of a list is `[]`, an entry of a free mapping `<name>`: `data.sources[].path`. */
  readonly key: string;
  /** The values it takes, in words: `integer from 1 to 12`, `"a" or "b"`. */
  readonly type: string;
  /** What `.describe()` says about it; empty where nothing does. */
  readonly help: string;
  /** The value that stands where the key is left out. */
  readonly default?: unknown;
  /** Whether the key must be given, where the group it stands in is. */
  readonly required: boolean;
  /** In a union that a key decides: the values of that key with which this one goes, `model.family=olmax`. */
  readonly goesWith?: readonly string[];
}

/** A key as it is found, its types apart: alternatives of a union may add to them. */
type FoundKey = Omit<KnownKey, 'type'> & { readonly types: readonly string[] };

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** The JSON Schema (draft 2020-12) of what a user may write: for editors, forms and tools. */
export function jsonSchema(schema: z.ZodType): JsonSchema {
  return zod().toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}

/**
 * Every key that a schema knows, groups left out, in the order of the schema. Alternatives of a union contribute their
 * keys alike; a key that several of them have is listed once, with the types of all.
 */
export function knownKeys(schema: z.ZodType): KnownKey[] {
  const found = new Map<string, FoundKey>();
  collect(jsonSchema(schema), { key: '', required: true, default: undefined }, found);
  return [...found.values()].map(({ key, types, ...rest }) => ({ key, type: joinOr(types), ...rest }));
}

interface Place {
  readonly key: string;
  readonly required: boolean;
  /** What the default of an enclosing group says about this key. */
  readonly default: unknown;
  /** What decided that this place is there, if it is in a union. */
  readonly branch?: string;
}

function collect(schema: JsonSchema, place: Place, found: Map<string, FoundKey>): void {
  const fallback = schema.default === undefined ? place.default : schema.default;
  const shapes = alternatives(schema);
  for (const shape of shapes) {
    const branch = shapes.length > 1 ? branchOf(shape, place.key) : undefined;
    collectGroup(shape, { ...place, default: shape.default ?? fallback, ...(branch && { branch }) }, found);
  }
  const isLeaf = shapes.some((shape) => !hasKeys(shape));
  if (!isLeaf || place.key === '') return;
  const before = found.get(place.key);
  const types = [...new Set([...(before?.types ?? []), ...typesOf(schema)])];
  const goesWith = place.branch && { goesWith: [...(before?.goesWith ?? []), place.branch] };
  const help = schema.description ?? shapes.find((shape) => shape.description)?.description ?? '';
  const first = {
    key: place.key,
    help,
    ...(fallback === undefined ? {} : { default: fallback }),
    required: place.required && fallback === undefined,
  };
  found.set(place.key, { ...(before ?? first), types, ...goesWith });
}

/** The key that tells this alternative of a union from the others, with its value here: `model.family=olmax`. */
function branchOf(shape: JsonSchema, group: string): string | undefined {
  for (const [name, child] of Object.entries(shape.properties ?? {})) {
    if (typeof child === 'object' && 'const' in child)
      return `${group === '' ? '' : `${group}.`}${name}=${child.const}`;
  }
  return undefined;
}

function collectGroup(shape: JsonSchema, place: Place, found: Map<string, FoundKey>): void {
  const { branch } = place;
  for (const [name, child] of Object.entries(shape.properties ?? {})) {
    if (typeof child === 'boolean') continue;
    const key = place.key === '' ? name : `${place.key}.${name}`;
    const fallback = isTree(place.default) ? place.default[name] : undefined;
    collect(child, { key, required: shape.required?.includes(name) ?? false, default: fallback, branch }, found);
  }
  for (const [suffix, child] of [
    ['[]', shape.items],
    ['.<name>', shape.additionalProperties],
  ] as const) {
    if (typeof child !== 'object' || Array.isArray(child)) continue;
    // A list of plain values is one key; only keys inside its items are worth a line of their own.
    if (alternatives(child).some(hasKeys))
      collect(child, { key: place.key + suffix, required: false, default: undefined, branch }, found);
  }
}

/** The branches of a union, nested ones included; a schema that is no union is its own only branch. */
function alternatives(schema: JsonSchema): JsonSchema[] {
  const branches = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (!branches) return [schema];
  return branches.flatMap((branch) => (typeof branch === 'boolean' ? [] : alternatives(branch)));
}

function hasKeys(schema: JsonSchema): boolean {
  return Object.keys(schema.properties ?? {}).length > 0;
}

/** What stands at a path, in words, by the schemas of all branches that lead there; undefined of groups and any value. */
export function typeAt(schema: z.ZodType, path: readonly PropertyKey[]): string | undefined {
  const leaves = path.reduce<JsonSchema[]>(
    (shapes, part) => shapes.flatMap((shape) => below(shape, part)),
    [jsonSchema(schema)],
  );
  const types = leaves.flatMap(alternatives).map(describeType);
  return leaves.length === 0 || types.some((type) => type.startsWith('group') || type === 'any value')
    ? undefined
    : joinOr([...new Set(types)]);
}

function below(schema: JsonSchema, part: PropertyKey): JsonSchema[] {
  return alternatives(schema).flatMap(({ properties, additionalProperties, prefixItems, items }) => {
    const child =
      typeof part === 'number'
        ? (prefixItems?.[part] ?? (Array.isArray(items) ? undefined : items))
        : (properties?.[String(part)] ?? additionalProperties);
    return typeof child === 'object' ? [child] : [];
  });
}

/** The values a schema takes, in words. */
export function describeType(schema: JsonSchema): string {
  return joinOr(typesOf(schema));
}

function typesOf(schema: JsonSchema): string[] {
  const branches = alternatives(schema);
  if (branches.length !== 1) return [...new Set(branches.flatMap(typesOf))];
  const shape = branches[0] ?? schema;
  if ('const' in shape) return [JSON.stringify(shape.const)];
  return shape.enum ? shape.enum.map((value) => JSON.stringify(value)) : [typeOf(shape)];
}

function typeOf(shape: JsonSchema): string {
  switch (shape.type) {
    case 'integer':
    case 'number':
      return shape.type + range(shape) + (shape.multipleOf ? `, a multiple of ${shape.multipleOf}` : '');
    case 'string':
      return shape.minLength ? 'non-empty text' : 'text';
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'null';
    case 'array':
      return describeList(shape);
    case 'object':
      return 'group of keys';
    default:
      return 'any value';
  }
}

function describeList({ prefixItems, items, minItems = 0 }: JsonSchema): string {
  if (!prefixItems) {
    const item = typeof items === 'object' && !Array.isArray(items) ? describeType(items) : 'any value';
    return `${minItems > 0 ? 'non-empty ' : ''}list of ${item}`;
  }
  const types = prefixItems.map((item) => (typeof item === 'boolean' ? 'any value' : describeType(item)));
  const all = new Set(types).size === 1 ? `, each ${types[0]}` : `: ${types.join(', ')}`;
  return `list of ${types.length} values${all}`;
}

/** Bounds in words. zod marks integers with the safe range, which tells a reader nothing. */
function range({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const from = typeof minimum === 'number' && minimum > Number.MIN_SAFE_INTEGER ? `from ${minimum}` : '';
  const to = typeof maximum === 'number' && maximum < Number.MAX_SAFE_INTEGER ? `to ${maximum}` : '';
  if (from && to) return ` ${from} ${to}`;
  const lower = typeof exclusiveMinimum === 'number' ? `above ${exclusiveMinimum}` : from;
  const upper = typeof exclusiveMaximum === 'number' ? `below ${exclusiveMaximum}` : to && `up ${to}`;
  return (lower || upper ? ' ' : '') + [lower, upper].filter(Boolean).join(' and ');
}

function joinOr(words: readonly string[]): string {
  if (words.length < 2) return words[0] ?? 'nothing';
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

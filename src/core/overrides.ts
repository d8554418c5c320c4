import { NonetError } from './errors.js';
import { yaml } from './libraries.js';
import { type ConfigTree, isTree } from './recipe.js';

/**
 * A tree with `key.path=value` settings of the command line laid over it, in order. The value is read as a YAML scalar
 * (`3`, `1e-3`, `true`, `null`, `text`), list (`[a, b]`) or mapping (`{a: 1}`); what YAML would not take as one of
 * these, such as `*.txt`, is plain text. Items of lists are addressed by number: `sources.0.path=x`.
 *
 * @throws NonetError `E_USAGE` for a setting without key or `=`, or a value with a syntax error.
 */
export function applyOverrides(tree: ConfigTree, overrides: readonly string[]): ConfigTree {
  return overrides.reduce(applyOverride, tree);
}

function applyOverride(tree: ConfigTree, override: string): ConfigTree {
  const equals = override.indexOf('=');
  const key = override.slice(0, Math.max(0, equals)).trim();
  const path = key.split('.');
  if (equals < 0 || path.includes('')) {
    throw new NonetError('E_USAGE', `"${override}" is not a setting; write key.path=value, as in train.steps=100.`, {
      override,
    });
  }
  return setInTree(tree, path, parseValue(override.slice(equals + 1), override), key);
}

function setInTree(tree: ConfigTree, path: readonly string[], value: unknown, key: string): ConfigTree {
  const [head = '', ...rest] = path;
  const entries = new Map(Object.entries(tree));
  entries.set(head, setInChild(entries.get(head), rest, value, key));
  return Object.fromEntries(entries);
}

function setInChild(child: unknown, rest: readonly string[], value: unknown, key: string): unknown {
  const [head, ...tail] = rest;
  if (head === undefined) return value;
  if (Array.isArray(child)) {
    const index = Number(head);
    if (!/^\d+$/.test(head) || index >= child.length) {
      throw new NonetError('E_USAGE', `"${key}": "${head}" is not an item of this list of ${child.length}.`, { key });
    }
    return child.map((item: unknown, at) => (at === index ? setInChild(item, tail, value, key) : item));
  }
  if (child !== undefined && child !== null && !isTree(child)) {
    throw new NonetError(
      'E_USAGE',
      `"${key}": ${JSON.stringify(child)} stands where a group with "${head}" would be.`,
      { key },
    );
  }
  return setInTree(child ?? {}, rest, value, key);
}

function parseValue(text: string, override: string): unknown {
  const trimmed = text.trim();
  const bracketed = /^[[{"']/.test(trimmed);
  // YAML reads these first characters as comments, anchors, tags and the like; in a shell people mean the text.
  if (/^[#&*!|>%@`]/.test(trimmed)) return trimmed;
  const document = yaml().parseDocument(trimmed);
  const problem = document.errors[0];
  if (!problem) {
    const value = document.toJS() as unknown;
    // Unbracketed `a: b` and `- a` would become collections; they are text with a colon or a dash.
    return bracketed || typeof value !== 'object' ? value : value === null ? null : trimmed;
  }
  if (!bracketed) return trimmed;
  const reason = (problem.message.split('\n', 1)[0] ?? '').replace(/ at line \d+, column (\d+):?$/, ' at character $1');
  throw new NonetError('E_USAGE', `the value of "${override}" is not valid YAML: ${reason}.`, { override });
}

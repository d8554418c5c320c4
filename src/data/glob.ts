/** Characters that make a path a pattern. */
const WILDCARD = /[*?]/;

/** True when `path` holds a wildcard: `*`, `**` or `?`. */
export const isGlob = (path: string): boolean => WILDCARD.test(path);

/**
 * Splits a pattern into the folder before the first wildcard and the rest: `books/2*.txt` -> `books`, `2*.txt`.
 * Paths are written with `/`.
 */
export function splitGlob(pattern: string): { base: string; rest: string } {
  const parts = pattern.split('/');
  const first = parts.findIndex(isGlob);
  const base = parts.slice(0, first).join('/');
  return { base: base === '' ? (pattern.startsWith('/') ? '/' : '.') : base, rest: parts.slice(first).join('/') };
}

/**
 * A test for paths relative to a pattern's base. `*` stands for any characters of one name, `?` for one character, and
 * `**` as a whole name for any number of folders, none included. A name that starts with a dot is matched only where
 * the pattern writes the dot.
 *
 * @example
 * matchGlob('book-?/*.txt')('book-1/whale.txt') // true
 */
export function matchGlob(pattern: string): (path: string) => boolean {
  const names = pattern.split('/');
  const source = names
    .map((name, index) => {
      const last = index === names.length - 1;
      if (name === '**') return last ? '(?:(?!\\.)[^/]+/)*(?!\\.)[^/]+' : '(?:(?!\\.)[^/]+/)*';
      return nameSource(name) + (last ? '' : '/');
    })
    .join('');
  const expression = new RegExp(`^${source}$`, 's');
  return (path) => expression.test(path);
}

function nameSource(name: string): string {
  const hidden = WILDCARD.test(name.charAt(0)) ? '(?!\\.)' : '';
  const body = name
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replace(/\*+/g, '[^/]*')
    .replace(/\?/g, '[^/]');
  return hidden + body;
}

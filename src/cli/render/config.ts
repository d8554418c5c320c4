import type { KnownKey } from '../../core/config.js';
import { wrapped } from './wrap.js';

/** Every key with its values, its default and its help, grouped as in a recipe. */
export const keyList = (keys: readonly KnownKey[], width: number): string =>
  keys
    .map((key) => {
      const fallback = key.required
        ? 'required'
        : key.default === undefined
          ? 'optional'
          : `default ${JSON.stringify(key.default)}`;
      const help = key.help === '' ? '' : wrapped(key.help, width, '    ');
      return `${key.key}\n${wrapped(`${key.type}; ${fallback}`, width, '    ')}${help}`;
    })
    .join('');

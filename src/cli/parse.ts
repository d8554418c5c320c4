import { InvalidArgumentError } from 'commander';
import { NonetError } from '../core/errors.js';

/** A parser of an option's value: whole numbers from `least` on, up to `most` if there is one. */
export const wholeNumber =
  (least: number, most = Number.POSITIVE_INFINITY) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least && value <= most) return value;
    const range = most === Number.POSITIVE_INFINITY ? `from ${least} on` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`Expected a whole number ${range}.`);
  };

/** A parser of an option's value: numbers that `fits` takes, which `expected` describes. */
export const decimal =
  (expected: string, fits: (value: number) => boolean) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && fits(value)) return value;
    throw new InvalidArgumentError(`Expected ${expected}.`);
  };

/** A parser of a text that must not be empty, for an option that may be repeated. */
export const repeatedText = (value: string, before: readonly string[] = []): string[] => {
  if (value === '') throw new InvalidArgumentError('Expected some text.');
  return [...before, value];
};

/** The bytes that hexadecimal digits spell; spaces between them do not count. */
export const hexBytes = (text: string): Uint8Array => {
  const digits = text.replace(/\s+/g, '');
  const wrong = /[^0-9a-f]/i.exec(digits);
  if (wrong) {
    const message = `--prompt-hex holds "${wrong[0]}" at digit ${wrong.index + 1}: only 0-9 and a-f are hexadecimal digits.`;
    throw new NonetError('E_USAGE', message, { position: wrong.index });
  }
  if (digits.length % 2 !== 0) {
    throw new NonetError('E_USAGE', `--prompt-hex has ${digits.length} digits: write two for every byte.`);
  }
  return Uint8Array.from(Buffer.from(digits, 'hex'));
};

/** What the help says of that argument. */
export const recipeHelp = 'a recipe (.yaml or .json), or the name of one that comes with nonet';

/** The recipe and the settings among a command's free arguments; the recipe comes first. */
export const recipeAndSettings = (
  values: readonly string[],
  command: string,
): { recipe: string; settings: readonly string[] } => {
  const [recipe, ...settings] = values;
  // A file may have an equals sign in its name, but then it ends like a recipe.
  if (recipe === undefined || (recipe.includes('=') && !/\.(ya?ml|json)$/i.test(recipe))) {
    const found = recipe === undefined ? 'there is none' : `"${recipe}" is a setting`;
    const message = `name the recipe first: nonet ${command} recipe.yaml [key=value...]; ${found}. "nonet init" writes one.`;
    throw new NonetError('E_USAGE', message);
  }
  return { recipe, settings };
};

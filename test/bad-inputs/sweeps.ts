import { writeFile } from 'node:fs/promises';
import type { BadInput } from './world.js';

const range = 'train.learningRate: { min: 0.001, max: 0.1';

/** Wrong files of sweeps, and folders that are in their way. */
export const sweepCases: readonly BadInput[] = [
  { name: 'a sweep without a file', argv: ['sweep', '--json'], code: 'E_USAGE', says: /name the file of the sweep/ },
  {
    name: 'a setting where the file of a sweep belongs',
    argv: ['sweep', 'train.steps=3', '--json'],
    code: 'E_USAGE',
    says: /name the file of the sweep/,
  },
  {
    name: 'a sweep file that is missing',
    argv: ['sweep', 'none.yaml', '--json'],
    code: 'E_FILE',
    says: /none\.yaml.*no such file/,
  },
  sweep('no trials', `parameters: { ${range} } }`, 'E_USAGE', /trials.*whole number from 1 on/, '--trials', '0'),
  sweep('no parameters', '', 'E_CONFIG', /parameters: is missing/),
  sweep('no key among the parameters', 'parameters: {}', 'E_CONFIG', /parameters: .*a key of the recipe at least/),
  sweep(
    'an unknown key',
    `parametres: { ${range} } }`,
    'E_CONFIG',
    /parametres: unknown key; did you mean parameters\?/,
  ),
  sweep(
    'an unknown method',
    `method: bayes\nparameters: { ${range} } }`,
    'E_CONFIG',
    /method: is "bayes", expected "grid"/,
  ),
  sweep(
    'a parameter that no recipe has',
    'parameters: { train.lernRate: { min: 1, max: 2 } }',
    'E_CONFIG',
    /unknown key/,
  ),
  sweep(
    'a value that its key does not take',
    'parameters: { model.norm: { values: [rms, batch] } }',
    'E_CONFIG',
    /parameters\.model\.norm: is "batch", expected "layer" or "rms"/,
  ),
  sweep(
    'a range beyond what its key takes',
    'parameters: { model.bitsPerPatch: { min: 1, max: 99, integer: true } }',
    'E_CONFIG',
    /bitsPerPatch: is 99, expected integer from 1 to 12/,
  ),
  sweep(
    'a broken number for a whole one',
    'parameters: { model.layers: { min: 1.5, max: 4 } }',
    'E_CONFIG',
    /layers: is 1\.5, expected integer/,
  ),
  sweep(
    'a range without its end',
    'parameters: { train.clip: { min: 1 } }',
    'E_CONFIG',
    /train\.clip: expected values, or min and max/,
  ),
  sweep(
    'a range that ends before it begins',
    'parameters: { train.clip: { min: 2, max: 1 } }',
    'E_CONFIG',
    /min: is 2, expected less than max/,
  ),
  sweep(
    'a logarithm of 0',
    'parameters: { train.clip: { min: 0, max: 1, scale: log } }',
    'E_CONFIG',
    /min: is 0, expected more than 0/,
  ),
  sweep(
    'halves as ends of whole numbers',
    'parameters: { train.clip: { min: 0.5, max: 3, integer: true } }',
    'E_CONFIG',
    /train\.clip\.min: is 0\.5, expected a whole number, as integer is true/,
  ),
  sweep(
    'values and a range at once',
    'parameters: { train.clip: { values: [1], min: 1, max: 2 } }',
    'E_CONFIG',
    /either values, or min and max/,
  ),
  sweep(
    'no values',
    'parameters: { train.clip: { values: [] } }',
    'E_CONFIG',
    /values: is an empty list, expected non-empty list of /,
  ),
  sweep(
    'a range in a grid without points',
    `method: grid\nparameters: { ${range} } }`,
    'E_CONFIG',
    /train\.learningRate\.points: is missing, expected the number of values/,
  ),
  sweep(
    'a name of a run as a parameter',
    'parameters: { run.name: { values: [a, b] } }',
    'E_CONFIG',
    /the sweep itself names the runs/,
  ),
  sweep(
    'a share above 1',
    `tpe: { quantile: 2 }\nparameters: { ${range} } }`,
    'E_CONFIG',
    /tpe\.quantile: is 2, expected number above 0 and below 1/,
  ),
  sweep(
    'a name with a slash',
    `name: a/b\nparameters: { ${range} } }`,
    'E_CONFIG',
    /name: is "a\/b", expected the name of a folder/,
  ),
  sweep(
    'the name of a run',
    `name: good\nparameters: { ${range} } }`,
    'E_RUN',
    /good is a run: give the sweep another name/,
  ),
  {
    name: 'a sweep of a recipe that is missing',
    arrange: () => writeFile('rates.yaml', `recipe: none.yaml\nparameters: { ${range} } }\n`),
    argv: ['sweep', 'rates.yaml', '--json'],
    code: 'E_FILE',
    says: /none\.yaml.*no such file/,
  },
];

/** A file with these lines behind its recipe. */
function sweep(name: string, lines: string, code: BadInput['code'], says: RegExp, ...more: string[]): BadInput {
  return {
    name: `a sweep with ${name}`,
    arrange: () => writeFile('rates.yaml', `recipe: recipe.yaml\n${lines}\n`),
    argv: ['sweep', 'rates.yaml', ...more, '--json'],
    code,
    says,
  };
}

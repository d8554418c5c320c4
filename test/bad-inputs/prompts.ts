import type { BadInput } from './world.js';

/** Wrong prompts and settings of generation, and of evaluation. */
export const promptCases: readonly BadInput[] = [
  generate('digits that are not hexadecimal', '--prompt-hex 4x', 'E_USAGE', /holds "x" at digit 2/),
  generate('half a byte', '--prompt-hex 414', 'E_USAGE', /3 digits/),
  generate('a prompt file that is missing', '--prompt-file none.txt', 'E_FILE', /none\.txt/),
  generate('a prompt file that is a folder', '--prompt-file runs', 'E_FILE', /it is a folder/),
  generate(
    'a prompt that is no UTF-8 where the text is to be',
    '--prompt-hex 41ff --utf8',
    'E_PROMPT',
    /no valid UTF-8 at byte 1/,
  ),
  generate('no bytes', '--bytes 0', 'E_USAGE', /whole number from 1 on/),
  generate('words for bytes', '--bytes many', 'E_USAGE', /whole number from 1 on/),
  generate('a temperature below 0', '--temperature -1', 'E_USAGE', /Expected a number from 0 on/),
  generate('a temperature that is no number', '--temperature hot', 'E_USAGE', /Expected a number/),
  generate('a top-p of 0', '--top-p 0', 'E_USAGE', /Expected a number above 0, at most 1/),
  generate('a top-p above 1', '--top-p 1.5', 'E_USAGE', /Expected a number above 0, at most 1/),
  generate('a negative top-k', '--top-k -1', 'E_USAGE', /whole number from 0 on/),
  generate('a typical mass of 0', '--typical-mass 0', 'E_USAGE', /typical-mass.*Expected a number above 0, at most 1/),
  generate('words for a typical mass', '--typical-mass most', 'E_USAGE', /Expected a number above 0, at most 1/),
  generate('a min-probability above 1', '--min-probability 2', 'E_USAGE', /Expected a number from 0 to 1/),
  generate('a negative min-probability', '--min-probability -0.1', 'E_USAGE', /Expected a number from 0 to 1/),
  generate('a negative bound of top-a', '--top-a-scale -1', 'E_USAGE', /top-a-scale.*Expected a number from 0 on/),
  generate('an endless power of top-a', '--top-a-power Infinity', 'E_USAGE', /Expected a number from 0 on/),
  generate('half a byte as top-k', '--top-k 1.5', 'E_USAGE', /Expected a whole number from 0 on/),
  generate('a filter that there is not', '--top-b 1', 'E_USAGE', /unknown option '--top-b'/),
  generate('a negative seed', '--seed -1', 'E_USAGE', /whole number from 0 on/),
  generate('an unknown way with parity', '--parity guess', 'E_USAGE', /construct, sample/),
  {
    name: 'an empty stop string',
    argv: ['generate', 'good', '--stop', '', '--json'],
    code: 'E_USAGE',
    says: /Expected some text/,
  },
  evaluate('no stride', '--stride 0', 'E_USAGE', /whole number from 1 on/),
  evaluate('a stride beyond the window', '--stride 1000', 'E_CONFIG', /stride is 1000/),
  evaluate('data that is missing', '--data none.txt', 'E_FILE', /none\.txt/),
  evaluate('data that is empty', '--data empty.txt', 'E_DATA', /empty/),
];

function generate(name: string, options: string, code: BadInput['code'], says: RegExp): BadInput {
  return { name, argv: ['generate', 'good', ...options.split(' '), '--json'], code, says };
}

function evaluate(name: string, options: string, code: BadInput['code'], says: RegExp): BadInput {
  return { name, argv: ['evaluate', 'good', ...options.split(' '), '--json'], code, says };
}

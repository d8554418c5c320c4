import { type OlmaxKey, olmaxKeys } from './table.js';

/** docs/olmax-config.md: what the converter does, key by key. */
export const renderOlmaxKeys = (): string =>
  [
    '# Configurations of Olmax',
    '',
    'This page is generated from the table that the converter reads: `node scripts/olmax-keys.mjs`.',
    '',
    '```sh',
    'nonet config --from-olmax examples/olmax-deep-narrow.yaml --out narrow.yaml data.path=texts.tfrecord',
    'nonet plan narrow.yaml',
    '```',
    '',
    'A configuration of the public Olmax project, YAML or JSON, becomes a recipe. What it leaves out is set as it is there, ' +
      'so that the recipe says all. Names may be in camelCase or snake_case, groups may stand in further groups, and a ' +
      'name that only one group has is found in any. Every key without a meaning here is warned of. Wrong types, and values that ' +
      'a key cannot have, are errors; so is a recipe whose parts do not fit, unless settings behind the file mend it.',
    '',
    'Without a key for it the recipe has `model.family: olmax`, `train.optimizer: tgAdam`, `train.schedule: exponential`, ' +
      '`train.clipKind: weight` and `data.separator: 4`; a file with keys of Shampoo has `train.optimizer: shampoo`. ' +
      'Keys that the optimizer does not read are left out and warned of. In the ' +
      'library it is `fromOlmax(tree, source)`.',
    '',
    '| Key of Olmax | Also | Default there | Key here | |',
    '| --- | --- | --- | --- | --- |',
    ...olmaxKeys.map(row),
    '',
  ].join('\n');

const code = (text: unknown): string => `\`${typeof text === 'string' ? text : JSON.stringify(text)}\``;

const row = ({ key, also = [], to, standard, only, note }: OlmaxKey): string => {
  const said = only === undefined ? (note ?? '') : `${code(only)} needs no key: ${note}`;
  const cells = [
    code(key),
    also.map(code).join(', '),
    standard === undefined ? '' : code(standard),
    to ? code(to) : 'none',
    said,
  ];
  return `| ${cells.join(' | ')} |`;
};

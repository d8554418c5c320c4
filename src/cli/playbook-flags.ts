import { type Command, Option } from 'commander';
import { NonetError } from '../core/errors.js';

/** A flag under which users of BitTransformerLM know a key. */
export interface PlaybookFlag {
  /** As it is written: `--d_model`. */
  readonly name: string;
  /** What follows it, for the help. */
  readonly value: string;
  /** What the bare flag means, where nothing needs to follow. */
  readonly bare?: string;
  /** The key that it sets; missing where there is none. */
  readonly key?: string;
  readonly help: string;
  /** The value of the key; missing where the flag leaves all as it is. Unless told that of the flag itself. */
  readonly keyValue?: (given: string) => string | undefined;
}

const yes = 'true';
const switchValue = 'true|false';

/** All of them: what `nonet train` takes, what its help says and what docs/recipes.md tells. */
export const playbookFlags: readonly PlaybookFlag[] = [
  { name: '--layers', value: 'N', key: 'model.layers', help: 'number of blocks' },
  { name: '--d_model', value: 'N', key: 'model.dModel', help: 'width' },
  { name: '--nhead', value: 'N', key: 'model.heads', help: 'attention heads' },
  {
    name: '--causal',
    ...{ value: switchValue, bare: yes },
    help: 'training is causal; false is an error',
    keyValue: (given) => refuse(given, [yes], '--causal', 'training is causal: both-sided training is not there yet'),
  },
  { name: '--chunk_size', value: 'N', key: 'model.chunkSize', help: 'patches of a chunk, 0 for full attention' },
  { name: '--act', value: switchValue, bare: yes, key: 'model.act', help: 'adaptive computation time' },
  { name: '--reversible', value: switchValue, bare: yes, key: 'model.reversible', help: 'coupled streams' },
  {
    name: '--checkpointing',
    ...{ value: switchValue, bare: yes, key: 'model.recompute' },
    help: 'block where true, none where false',
    keyValue: (given) => oneOf({ true: 'block', false: 'none' }, given, '--checkpointing'),
  },
  { name: '--recompute', value: 'none|block|segment', key: 'model.recompute', help: 'the same in our words' },
  { name: '--batch_size', value: 'N', key: 'train.batchSize', help: 'windows of a micro-batch' },
  { name: '--accum_steps', value: 'N', key: 'train.accumulation', help: 'micro-batches of a step' },
  {
    name: '--amp',
    ...{ value: 'true|false|bf16', bare: yes, key: 'precision' },
    help: 'bf16, or float32 where false',
    keyValue: (given) => oneOf({ true: 'bf16', bf16: 'bf16', false: 'float32' }, given, '--amp'),
  },
  {
    name: '--lr_schedule',
    ...{ value: 'NAME', key: 'train.schedule' },
    help: 'names also as progressive_plateau, onecycle',
    keyValue: camelCase,
  },
  {
    name: '--full_attn_logging',
    ...{ value: switchValue, bare: yes, key: 'model.fullAttentionLogging' },
    help: 'keep whole attention maps',
  },
  {
    name: '--quantization',
    value: 'none|int8',
    help: 'quantised weights are not there yet: int8 is an error',
    keyValue: (given) => refuse(given, ['none'], '--quantization', 'training with quantised weights is not there yet'),
  },
  {
    name: '--qat',
    ...{ value: switchValue, bare: yes },
    help: 'quantised weights are not there yet: true is an error',
    keyValue: (given) => refuse(given, ['false'], '--qat', 'training with quantised weights is not there yet'),
  },
];

/** Adds the flags to a command, in a part of its help of their own. */
export const addPlaybookFlags = (command: Command): Command => {
  for (const flag of playbookFlags) {
    const target = flag.key === undefined ? '' : `${flag.key}: `;
    const value = flag.bare === undefined ? `<${flag.value}>` : `[${flag.value}]`;
    command.addOption(
      new Option(`${flag.name} ${value}`, `${target}${flag.help}`).helpGroup(
        'Flags of BitTransformerLM (settings as key=value come after them and win):',
      ),
    );
  }
  return command;
};

/** The settings that the flags among a command's options stand for. Throws `E_USAGE` for a value that one cannot have. */
export const playbookSettings = (options: Readonly<Record<string, unknown>>): string[] =>
  playbookFlags.flatMap(({ name, key, keyValue = (given) => given }) => {
    const given = options[name.slice(2)];
    if (typeof given !== 'string') return [];
    const value = keyValue(given);
    return key === undefined || value === undefined ? [] : [`${key}=${value}`];
  });

/**
 * A command line in which each of these flags is written with underscores, and those that may stand alone have their value
 * joined to them, so that no argument behind a bare one is taken for it: `--act book.yaml` becomes `--act=true book.yaml`.
 */
export const withFlagValues = (argv: readonly string[]): string[] => {
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === '--') return [...words, ...argv.slice(i)];
    const [, name = word, joined = ''] = /^(--[^=]+)(=.*)?$/.exec(word) ?? [];
    const flag = playbookFlags.find((known) => known.name === name.replaceAll(/(?<=\w)-/g, '_'));
    if (!flag) words.push(word);
    else if (joined !== '' || flag.bare === undefined) words.push(flag.name + joined);
    else if (flag.value.split('|').includes(argv[i + 1] ?? '')) words.push(`${flag.name}=${argv[++i]}`);
    else words.push(`${flag.name}=${flag.bare}`);
  }
  return words;
};

const oneOf = (values: Readonly<Record<string, string>>, given: string, flag: string): string => {
  const value = Object.hasOwn(values, given) ? values[given] : undefined;
  if (value !== undefined) return value;
  throw new NonetError('E_USAGE', `${flag} is "${given}", expected ${Object.keys(values).join(', ')}.`, {
    flag,
    given,
  });
};

/** Nothing for what is as it is anyway; anything else has a reason why it is not to be had. */
const refuse = (given: string, allowed: readonly string[], flag: string, reason: string): undefined => {
  if (allowed.includes(given)) return undefined;
  throw new NonetError('E_CONFIG', `${flag} ${given}: ${reason}. Leave it out.`, { flag, given });
};

/** `progressive_plateau` and `onecycle` as the key has them. */
function camelCase(given: string): string {
  const name = given.replaceAll(/[_-](\w)/g, (_, letter: string) => letter.toUpperCase());
  return name === 'onecycle' ? 'oneCycle' : name;
}

import { type Command, Option } from 'commander';
import { NonetError } from '../core/errors.js';
import { recipeNames } from '../core/recipe-path.js';
import { schedules } from '../train/schedule-keys.js';

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
  /** How its value is read; unless told the key takes it as it is, and says what is wrong with it. */
  readonly read?: Reading;
}

/** The value of the key for what was given; nothing where the flag leaves all as it is. Throws `E_USAGE` or `E_CONFIG`. */
type Reading = (given: string, flag: string) => string | undefined;

/** A word in which case, `-` and `_` do not count. */
const plain = (word: string): string => word.toLowerCase().replaceAll(/[_-]/g, '');

/** One of these words, each with the value of the key that it means. */
const oneOf =
  (values: Readonly<Record<string, string>>): Reading =>
  (given, flag) => {
    const meant = Object.keys(values).find((known) => plain(known) === plain(given));
    if (meant !== undefined) return values[meant];
    const message = `${flag} is "${given}", expected ${Object.keys(values).join(', ')}.`;
    throw new NonetError('E_USAGE', message, { flag, given });
  };

/** Nothing for what is as it is anyway; anything else has a reason why it is not to be had. */
const only =
  (allowed: string, reason: string): Reading =>
  (given, flag) => {
    if (plain(given) === allowed) return undefined;
    throw new NonetError('E_CONFIG', `${flag} ${given}: ${reason}. Leave it out.`, { flag, given });
  };

const themselves = (values: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(values.map((value) => [value, value]));

const notThere = 'training with quantised weights is not there yet';
const optional = { value: 'true|false', bare: 'true' };
const onOff = { ...optional, read: oneOf(themselves(['true', 'false'])) };

/** All of them: what `nonet train` and `nonet plan` take, what their help says and what docs/recipes.md tells. */
export const playbookFlags: readonly PlaybookFlag[] = [
  { name: '--layers', value: 'N', key: 'model.layers', help: 'number of blocks' },
  { name: '--d_model', value: 'N', key: 'model.dModel', help: 'width' },
  { name: '--nhead', value: 'N', key: 'model.heads', help: 'attention heads' },
  {
    name: '--causal',
    ...optional,
    help: 'training is causal; false is an error',
    read: only('true', 'training is causal: both-sided training is not there yet'),
  },
  { name: '--chunk_size', value: 'N', key: 'model.chunkSize', help: 'patches of a chunk, 0 for full attention' },
  { name: '--act', ...onOff, key: 'model.act', help: 'adaptive computation time' },
  { name: '--reversible', ...onOff, key: 'model.reversible', help: 'coupled streams' },
  {
    name: '--checkpointing',
    ...{ ...optional, key: 'model.recompute' },
    help: 'block where true, none where false',
    read: oneOf({ true: 'block', false: 'none' }),
  },
  {
    name: '--recompute',
    ...{ value: 'none|block|segment', key: 'model.recompute' },
    help: 'the same in our words',
    read: oneOf(themselves(['none', 'block', 'segment'])),
  },
  { name: '--batch_size', value: 'N', key: 'train.batchSize', help: 'windows of a micro-batch' },
  { name: '--accum_steps', value: 'N', key: 'train.accumulation', help: 'micro-batches of a step' },
  {
    name: '--amp',
    ...{ ...optional, value: 'true|false|bf16', key: 'precision' },
    help: 'bf16, or float32 where false',
    read: oneOf({ true: 'bf16', bf16: 'bf16', false: 'float32' }),
  },
  {
    name: '--lr_schedule',
    ...{ value: 'NAME', key: 'train.schedule' },
    help: 'names also as progressive_plateau, onecycle',
    read: oneOf({ ...themselves(schedules), cosine_warm_restarts: 'cosineRestarts' }),
  },
  { name: '--full_attn_logging', ...onOff, key: 'model.fullAttentionLogging', help: 'keep whole attention maps' },
  {
    name: '--quantization',
    value: 'none|int8',
    help: 'quantised weights are not there yet: int8 is an error',
    read: only('none', notThere),
  },
  {
    name: '--qat',
    ...optional,
    help: 'quantised weights are not there yet: true is an error',
    read: only('false', notThere),
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
  playbookFlags.flatMap(({ name, key, read }) => {
    const given = options[name.slice(2)];
    if (typeof given !== 'string') return [];
    const value = read ? read(given, name) : given;
    return key === undefined || value === undefined ? [] : [`${key}=${value}`];
  });

/** Whether a command takes these flags. */
export const hasPlaybookFlags = ({ options }: Command): boolean =>
  options.some(({ long }) => long === playbookFlags[0]!.name);

/** Whether a word behind a flag that may stand alone is its value: no other option, no setting and no recipe. */
const isValue = (word: string | undefined): boolean =>
  word !== undefined && !/^-|[=./\\]/.test(word) && !recipeNames().includes(word);

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
    else if (isValue(argv[i + 1])) words.push(`${flag.name}=${argv[++i]}`);
    else words.push(`${flag.name}=${flag.bare}`);
  }
  return words;
};

import { InvalidArgumentError } from 'commander';
import { nearest } from '../../core/nearest.js';
import type { SamplingOptions } from '../../generate/sampling.js';
import { wholeNumber } from '../parse.js';
import { facts } from '../render/table.js';
import { parserOf, samplingSettings } from '../sampling-options.js';

/** What can be changed between two answers. */
export interface ChatSettings {
  sampling: Required<SamplingOptions>;
  /** Bytes of an answer, at most. */
  length: number;
  /** Another seed, other answers; every answer of a conversation draws with the next one. */
  seed: number;
  /** Whether answers are valid UTF-8. */
  utf8: boolean;
  /** Whether a line is followed by a line break before the model goes on, as in a dialogue. */
  lineBreak: boolean;
}

/** A setting by the name of its command. */
interface Setting {
  readonly name: string;
  readonly help: string;
  readonly get: (settings: ChatSettings) => number | string;
  readonly set: (settings: ChatSettings, text: string) => void;
}

const onOff = (text: string): boolean => {
  if (text === 'on' || text === 'off') return text === 'on';
  throw new InvalidArgumentError('Expected on or off.');
};
const shown = (value: boolean): string => (value ? 'on' : 'off');

const all: readonly Setting[] = [
  ...samplingSettings.map(({ key, name, help }) => ({
    name,
    help,
    get: ({ sampling }: ChatSettings) => sampling[key],
    set: (settings: ChatSettings, text: string) => {
      settings.sampling = { ...settings.sampling, [key]: parserOf(key)(text) };
    },
  })),
  {
    name: 'length',
    help: 'the most bytes of an answer',
    get: ({ length }) => length,
    set: (settings, text) => {
      settings.length = wholeNumber(1)(text);
    },
  },
  {
    name: 'seed',
    help: 'another seed, other answers',
    get: ({ seed }) => seed,
    set: (settings, text) => {
      settings.seed = wholeNumber(0)(text);
    },
  },
  {
    name: 'utf8',
    help: 'only bytes that keep the text valid UTF-8: on or off',
    get: ({ utf8 }) => shown(utf8),
    set: (settings, text) => {
      settings.utf8 = onOff(text);
    },
  },
  {
    name: 'line-break',
    help: 'whether the model goes on behind a line break, instead of right behind the line: on or off',
    get: ({ lineBreak }) => shown(lineBreak),
    set: (settings, text) => {
      settings.lineBreak = onOff(text);
    },
  },
];

/** What a line that begins with a slash asks for, besides changing a setting. */
export type ChatRequest =
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'problem'; readonly text: string }
  | { readonly kind: 'reset' }
  | { readonly kind: 'quit' };

const acts = ['help', 'settings', 'reset', 'quit', 'exit'];

/** Carries out a command, `/temperature 0.7`. */
export const chatCommand = (line: string, settings: ChatSettings): ChatRequest => {
  const [, name = '', rest = ''] = /^\/(\S*)\s*(.*?)\s*$/.exec(line) ?? [];
  const setting = all.find((known) => known.name === name);
  if (setting) return changed(setting, rest, settings);
  if (acts.includes(name) && rest !== '') return { kind: 'problem', text: `/${name} takes no value.` };
  if (name === 'help') return { kind: 'say', text: help() };
  if (name === 'settings')
    return { kind: 'say', text: facts(all.map((each) => [each.name, String(each.get(settings))])) };
  if (name === 'reset') return { kind: 'reset' };
  if (name === 'quit' || name === 'exit') return { kind: 'quit' };
  const suggestion = nearest(name, [...all.map((known) => known.name), ...acts]);
  const advice = suggestion === undefined ? '/help lists all.' : `did you mean /${suggestion}?`;
  return { kind: 'problem', text: `there is no command /${name}: ${advice} A line that begins with // is text.` };
};

const changed = (setting: Setting, text: string, settings: ChatSettings): ChatRequest => {
  try {
    if (text !== '') setting.set(settings, text);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return { kind: 'problem', text: `/${setting.name} ${text}: ${error.message}` };
  }
  return { kind: 'say', text: `${setting.name} is ${setting.get(settings)}\n` };
};

const help = (): string =>
  'What you type is what the model goes on from, behind all that was said before. An empty line lets it go on.\n' +
  'Ctrl-C stops an answer.\n' +
  facts([
    ...all.map(({ name, help: text }): readonly [string, string] => [`/${name}`, text]),
    ['/settings', 'all of these as they are'],
    ['/reset', 'forget what was said'],
    ['/quit', 'end, as Ctrl-D does'],
  ]);

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { train } from '../dist/index.js';

const usualText = fileURLToPath(new URL('../../shared/data/tinyshakespeare.txt', import.meta.url));
/** Of a text with `--quick`. */
const excerptBytes = 20_000;
/** What a training takes beside its steps: compiling, the speed probe, the evaluation. */
const secondsBeside = 10;

/** The text of a benchmark, or nothing where it is not there, which the report then says. */
export const textOf = (bench, report) => {
  const text = bench.options.data ?? usualText;
  if (existsSync(text)) return text;
  report.note(`skipped: ${text} is not there; give the text with --data FILE`);
  return undefined;
};

/**
 * Nine tenths of the characters of a text to train on and the others to validate on, of those as many bytes as asked for, as
 * two files. Returns settings for them.
 */
export const splitText = (text, { folder, quick }, { validationBytes = Number.POSITIVE_INFINITY } = {}) => {
  const bytes = readFileSync(text).subarray(0, quick ? excerptBytes : undefined);
  const border = characterBorder(bytes, 0.9);
  const write = (name, part) => {
    const path = join(folder, name);
    writeFileSync(path, part);
    return path;
  };
  return {
    path: write('train.txt', bytes.subarray(0, border)),
    validationPath: write('validation.txt', bytes.subarray(border, border + validationBytes)),
  };
};

/** Where a share of the characters of UTF-8 text ends. */
export const characterBorder = (bytes, share) => {
  // Bytes 10xxxxxx go on with a character.
  const begins = (byte) => (byte & 0xc0) !== 0x80;
  let left = Math.floor(share * bytes.reduce((count, byte) => count + begins(byte), 0));
  const border = bytes.findIndex((byte) => begins(byte) && left-- === 0);
  return border < 0 ? bytes.length : border;
};

/**
 * Trains configurations one after the other, and tells on stderr how far it is: which one, its steps and the time left.
 * `planned` are the seconds of the steps of each run.
 */
export const createTrainings = (planned, { quick }, say = (text) => process.stderr.write(text)) => {
  const total = planned.reduce((sum, seconds) => sum + seconds + secondsBeside, 0);
  const time = quick ? 'a few steps each' : `about ${Math.ceil(total / 60)} min in all`;
  say(`${planned.length} trainings, ${time}; each takes some seconds beside its steps\n`);
  let done = 0;
  return async (name, config, options = {}) => {
    const seconds = planned[done];
    done++;
    say(`[${done}/${planned.length}] ${name}${quick ? '' : `, ${Math.round(seconds)} s`}\n`);
    return train(config, { ...options, stream: process.stderr });
  };
};

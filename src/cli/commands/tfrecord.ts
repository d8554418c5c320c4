import { type Command, Option } from 'commander';
import { formatBytes } from '../../core/format.js';
import { type FormatOption, formatOptions } from '../../data/formats.js';
import type { DataOptions, ExampleKind } from '../../data/index.js';
import { type CliIo, printJson, warnOn } from '../io.js';
import { decimal, wholeNumber } from '../parse.js';

interface Options {
  readonly out: string;
  readonly validationOut?: string;
  readonly validationShare: number;
  readonly splitUnit: NonNullable<DataOptions['splitUnit']>;
  readonly format: FormatOption;
  readonly textField: string;
  readonly separator: number;
  readonly recordBytes: number;
  readonly feature: string;
  readonly kind: ExampleKind;
  readonly damaged: NonNullable<DataOptions['damaged']>;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** `nonet tfrecord`. */
export const defineTfRecord = (program: Command, io: CliIo): void => {
  program
    .command('tfrecord')
    .summary('write data as TFRecord files')
    .description(
      'Writes texts, binaries, JSONL or WikiText (each also as .gz or .zst) as a TFRecord file of Examples, for training here ' +
        'or elsewhere. Documents of JSONL and WikiText are set apart by a byte. Plain texts and binaries are joined as they ' +
        'are, with nothing between two files: end each text with what is to set it apart, or make JSONL of them.',
    )
    .argument('<PATH...>', 'files, folders or patterns; TFRecord files too')
    .requiredOption('--out <FILE>', 'the file to write')
    .option('--validation-out <FILE>', 'write the validation part, the end of the data, into a file of its own')
    .option(
      '--validation-share <SHARE>',
      'share of the data that is the validation part',
      decimal('a share above 0 and below 1', (share) => share > 0 && share < 1),
      0.1,
    )
    .addOption(
      new Option('--split-unit <UNIT>', 'what the share is counted in')
        .choices(['bytes', 'characters'])
        .default('bytes'),
    )
    .addOption(
      new Option('--format <FORMAT>', 'what the files are; auto goes by the extension')
        .choices(formatOptions)
        .default('auto'),
    )
    .option('--text-field <NAME>', 'the field of a JSONL line that holds the text', 'text')
    .option('--separator <BYTE>', 'the byte between two documents of JSONL or WikiText', wholeNumber(0, 255), 4)
    .option('--record-bytes <N>', 'bytes of text in a record', wholeNumber(1, 2 ** 28), 65536)
    .option('--feature <NAME>', 'the feature of a record that holds them', 'text')
    .addOption(
      new Option('--kind <KIND>', 'a record holds one bytes value, or an int64 for each byte')
        .choices(['bytes', 'int64'])
        .default('bytes'),
    )
    .addOption(
      new Option('--damaged <WHAT>', 'what a record that is read and damaged is: an error, or left out with a warning')
        .choices(['error', 'skip'])
        .default('error'),
    )
    .option('--force', 'overwrite files that are there')
    .option('--json', 'print [{ path, records, bytes }]')
    .addHelpText(
      'after',
      '\nExamples:\n  nonet tfrecord "texts/*.jsonl.zst" --out texts.tfrecord\n' +
        '  nonet tfrecord book.txt --out train.tfrecord --validation-out validation.tfrecord --split-unit characters',
    )
    .action(async (path: string[], { json, ...options }: Options) => {
      const { writeTfRecords } = await import('../../data/index.js');
      const written = await writeTfRecords({ ...options, path, warn: warnOn(io) });
      if (json) return printJson(io, written);
      for (const { path: file, records, bytes } of written) {
        io.out.write(`wrote ${file}: ${formatBytes(bytes)} in ${records} ${records === 1 ? 'record' : 'records'}\n`);
      }
    });
};

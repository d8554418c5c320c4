import { type Command, Option } from 'commander';
import { formatBytes, formatRate } from '../../core/format.js';
import { maxThreads } from '../../core/threads.js';
import type { SamplingOptions } from '../../generate/sampling.js';
import { interruptible } from '../interrupt.js';
import { type CliIo, colorsFor, printJson, warnOn } from '../io.js';
import { repeatedText, wholeNumber } from '../parse.js';
import { type PromptSource, readPrompts } from '../prompts.js';
import { generatedJson, generatedWriter } from '../render/generated.js';
import { samplingOf, withSamplingOptions } from '../sampling-options.js';

interface Options extends Required<SamplingOptions> {
  readonly bytes: number;
  readonly seed: number;
  readonly stop?: readonly string[];
  readonly utf8?: boolean;
  readonly parity: 'construct' | 'sample';
  readonly checkpoint?: number;
  readonly threads?: number;
  readonly root: string;
  readonly json?: boolean;
}

/** `nonet generate`. */
export const defineGenerate = (program: Command, io: CliIo): void => {
  const sources: PromptSource[] = [];
  const command = program
    .command('generate')
    .summary('let a trained model write')
    .description(
      'Lets a trained model go on from a prompt. To a pipe or file go exactly the bytes that it made, without the prompt. ' +
        'Several prompts are worked on at once; the same seed gives the same text on any number of threads.',
    )
    .argument('<RUN>', 'a run (name or folder, with @best behind it its best checkpoint) or the folder of a checkpoint')
    .option(
      '--prompt <TEXT>',
      'text to go on from; may be repeated',
      (text) => void sources.push({ kind: 'text', text }),
    )
    .option(
      '--prompt-file <FILE>',
      'the same from a file (- is standard input)',
      (path) => void sources.push({ kind: 'file', path }),
    )
    .option(
      '--prompt-hex <HEX>',
      'the same as hexadecimal digits',
      (digits) => void sources.push({ kind: 'hex', digits }),
    )
    .option('--bytes <N>', 'the most bytes to make', wholeNumber(1), 200);
  withSamplingOptions(command)
    .option('--seed <N>', 'another seed, another text', wholeNumber(0), 0)
    .option('--stop <TEXT>', 'end before this text; may be repeated', repeatedText)
    .option('--utf8', 'only bytes that keep the text valid UTF-8')
    .addOption(
      new Option('--parity <HOW>', 'parity bits: computed, or sampled and checked')
        .choices(['construct', 'sample'])
        .default('construct'),
    )
    .option('--checkpoint <STEP>', 'the checkpoint of that step instead of the latest', wholeNumber(0))
    .option('--threads <N>', 'native threads', wholeNumber(1, maxThreads))
    .option('--root <FOLDER>', 'where runs lie', 'runs')
    .option(
      '--json',
      'print { rows: [{ prompt, text, hex, stopReason, parityErrors }], bytesPerSecond, slid }; of models that halt also meanDepth',
    )
    .addHelpText(
      'after',
      '\nExample:\n  nonet generate quickstart --prompt "Call me " --bytes 300 --temperature 0.7 --utf8',
    )
    .action((run: string, options: Options) => runGenerate(run, sources, options, io));
};

const runGenerate = async (
  run: string,
  sources: readonly PromptSource[],
  options: Options,
  io: CliIo,
): Promise<void> => {
  const prompts = await readPrompts(sources.length > 0 ? sources : [{ kind: 'text', text: '' }]);
  const { loadRun } = await import('../../train/load.js');
  const { generate } = await import('../../generate/index.js');
  const { setThreads } = await import('../../compile/default-executor.js');
  const { checkpoint, root, json, seed, parity, utf8 = false, stop = [] } = options;
  const warn = warnOn(io);
  setThreads(options.threads);
  const { config, model, state } = await loadRun(run, { checkpoint, root, warn });
  // Nothing of the text is to be seen when the settings are refused, so the writer starts with the first bytes.
  // Notices wait for its end, so as not to stand in the middle of it.
  const notices: string[] = [];
  let writer: ReturnType<typeof generatedWriter> | undefined;
  const write = (row: number, bytes: Uint8Array): void => {
    writer ??= generatedWriter(io, prompts);
    writer.push(row, bytes);
  };
  try {
    const result = await interruptible((signal) =>
      generate(model, state, {
        prompts,
        maxBytes: options.bytes,
        ...samplingOf(options),
        seed,
        stop: [...stop],
        utf8,
        parity,
        dataParity: config.data.parity,
        signal,
        onNotice: (notice: string) => void notices.push(notice),
        ...(json ? {} : { onBytes: write }),
      }),
    );
    if (json) {
      printJson(io, generatedJson(prompts, result));
    } else {
      writer ??= generatedWriter(io, prompts);
      writer.finish();
    }
    notices.forEach(warn);
    if (json) return;
    const total = result.rows.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const wrong = result.rows.reduce((sum, { parityErrors }) => sum + parityErrors, 0);
    if (wrong > 0) warn(`${wrong} of ${total} sampled parity bits do not fit their bytes.`);
    if (io.out.isTTY && io.err.isTTY) {
      const speed = `${formatBytes(total)} at ${formatRate(result.bytesPerSecond, 'B')}`;
      const { meanDepth } = result;
      const depth = meanDepth === undefined ? '' : `, ${meanDepth.toFixed(2)} of ${model.traits.layers} layers a patch`;
      io.err.write(`${colorsFor(io.err, io.env).dim(speed + depth)}\n`);
    }
  } finally {
    state.free();
  }
};

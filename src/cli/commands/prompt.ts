import type { Command } from 'commander';
import { maxThreads } from '../../core/threads.js';
import type { SamplingOptions } from '../../generate/sampling.js';
import { type CliIo, warnOn } from '../io.js';
import { repeatedText, wholeNumber } from '../parse.js';
import { samplingOf, withSamplingOptions } from '../sampling-options.js';

interface Options extends Required<SamplingOptions> {
  readonly length: number;
  readonly seed: number;
  readonly stop?: readonly string[];
  readonly utf8: boolean;
  readonly lineBreak?: boolean;
  readonly checkpoint?: number;
  readonly threads?: number;
  readonly root: string;
}

/** `nonet prompt`. */
export const definePrompt = (program: Command, io: CliIo): void => {
  const command = program
    .command('prompt')
    .summary('talk with a trained model')
    .description(
      'Reads lines and lets a trained model go on behind each, with all that was said before as its context. Ctrl-C stops ' +
        'an answer; /help lists what can be changed on the way. From a pipe it takes a line after the other.',
    )
    .argument('<RUN>', 'a run (name or folder, with @best behind it its best checkpoint) or the folder of a checkpoint')
    .option('--length <N>', 'the most bytes of an answer', wholeNumber(1), 200);
  withSamplingOptions(command)
    .option('--seed <N>', 'another seed, other answers', wholeNumber(0), 0)
    .option('--stop <TEXT>', 'end an answer before this text; may be repeated', repeatedText)
    .option('--no-utf8', 'any bytes, not only those that keep the text valid UTF-8')
    .option('--line-break', 'the model goes on behind a line break, instead of right behind the line')
    .option('--checkpoint <STEP>', 'the checkpoint of that step instead of the latest', wholeNumber(0))
    .option('--threads <N>', 'native threads', wholeNumber(1, maxThreads))
    .option('--root <FOLDER>', 'where runs lie', 'runs')
    .addHelpText(
      'after',
      '\nExamples:\n  nonet prompt quickstart --temperature 0.7\n  echo "Call me " | nonet prompt quickstart --length 60',
    )
    .action((run: string, options: Options) => runPrompt(run, options, io));
};

const runPrompt = async (run: string, options: Options, io: CliIo): Promise<void> => {
  const { loadRun } = await import('../../train/load.js');
  const { createGenerator } = await import('../../generate/index.js');
  const { setThreads } = await import('../../compile/default-executor.js');
  const { Conversation } = await import('../chat/conversation.js');
  const { chat } = await import('../chat/chat.js');
  const { checkpoint, root, length, seed, utf8, lineBreak = false, stop = [] } = options;
  setThreads(options.threads);
  const { config, model, state, step } = await loadRun(run, { checkpoint, root, warn: warnOn(io) });
  try {
    const generator = createGenerator(model);
    const fixed = { dataParity: config.data.parity, stop };
    const conversation = new Conversation((order) => generator.generate(state, order), fixed);
    const input = io.in ?? process.stdin;
    if (input.isTTY) io.err.write(`${run} at step ${step}. /help lists commands, Ctrl-D ends.\n`);
    await chat(conversation, { sampling: samplingOf(options), length, seed, utf8, lineBreak }, { ...io, in: input });
  } finally {
    state.free();
  }
};

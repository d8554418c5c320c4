import { measureConvolution, measureMixer, planDepths } from '../claims-costs.mjs';
import { addClaims, addRuns, configsOf, raceSteps, trainAll } from '../claims-training.mjs';
import { splitText, textOf } from '../timed-training.mjs';

/** The claims of the public Olmax project (docs/olmax.md) at small scale: what things cost, and what learns better. */
export const measure = async (bench, report) => {
  const text = textOf(bench, report);
  if (!text) return;
  const configs = configsOf(bench, splitText(text, bench));
  const { model: config, train } = await configs.base();
  const { batchSize } = train;
  const say = (line) => process.stderr.write(`${line}\n`);
  say('training steps of all models in turns');
  const speeds = await raceSteps(bench, configs);
  const results = await trainAll(bench, configs, speeds);
  say('costs of layers, some minutes');
  await measureConvolution(bench, report);
  await measureMixer(bench, report);
  planDepths(bench, report, { config, batchSize });
  addClaims(report, results, speeds);
  addRuns(report, results, speeds, batchSize * config.contextLength);
  note(bench, report, results);
};

const note = ({ quick, options }, report, { stepped }) =>
  report.note(
    [
      quick
        ? 'Runs have a few steps.'
        : `Runs of the same time: as many steps as take ${options.seconds} s, by the speed of all models in turns;`,
      `of the same steps: ${stepped.olmax.steps}, half of those of the first run. All with the settings of the recipe`,
      'olmax-small at half its widths, from the same seed; its learning rate, 1e-2, for all but the transformer (3e-3,',
      'which serves it better). The rate falls to its end with the last step of each run.',
    ].join('\n'),
  );

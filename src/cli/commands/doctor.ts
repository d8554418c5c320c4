import type { Command } from 'commander';
import { type CliIo, printJson } from '../io.js';
import { doctorReport } from '../render/doctor.js';

/** `nonet doctor`. */
export const defineDoctor = (program: Command, io: CliIo): void => {
  program
    .command('doctor')
    .summary('what this machine can do, measured')
    .description(
      'Tells which engine serves and measures what it reaches here: multiply-adds, matrix products, bandwidth by working ' +
        'set, and what a second thread adds. Takes a few seconds.',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  nonet doctor')
    .action(async ({ json }: { json?: boolean }) => {
      const { machineReport } = await import('../machine-report.js');
      const report = await machineReport();
      if (json) printJson(io, report);
      else io.out.write(doctorReport(report));
    });
};

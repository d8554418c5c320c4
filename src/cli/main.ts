#!/usr/bin/env node
import { runCli } from './run-cli.js';

// A reader that has seen enough (`nonet generate ... | head`) is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

// The code alone, not process.exit: what is still on its way to a pipe is to arrive.
process.exitCode = await runCli(process.argv.slice(2), { out: process.stdout, err: process.stderr, env: process.env });

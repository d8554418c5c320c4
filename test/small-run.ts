import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../dist/bundle/nonet.js', import.meta.url));

/** Whether the command is there to run: tests of processes need a build. */
export const isBuilt = existsSync(main);

/** A folder with a recipe for a run of 40 steps that takes a moment, and its text. */
export const smallRunFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'nonet-runs-'));
  mkdirSync(join(folder, 'runs'));
  writeFileSync(join(folder, 'text.txt'), smallText(4000));
  const recipe = {
    data: { path: join(folder, 'text.txt') },
    run: { root: join(folder, 'runs') },
    model: { preset: 'nano', bitsPerPatch: 8, layers: 2, dModel: 32, heads: 2, contextLength: 32, dropout: 0.1 },
    train: { steps: 40, batchSize: 4, warmupSteps: 5, checkpointEvery: 5, evaluateEvery: 20, evaluateBytes: 512 },
  };
  writeFileSync(join(folder, 'recipe.json'), JSON.stringify(recipe));
  return folder;
};

const smallText = (words: number): string => {
  const vocabulary = ['the', 'whale', 'sea', 'ship', 'captain', 'of', 'and', 'a', 'white', 'old', 'man', 'deep'];
  let state = 1;
  return Array.from({ length: words }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return vocabulary[(state >>> 16) % vocabulary.length] + ((state >>> 8) % 9 === 0 ? '.\n' : ' ');
  }).join('');
};

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly errors: string;
}

/** Runs the command in a process of its own; `watch` may end it. */
export const nonet = (
  args: readonly string[],
  env: Record<string, string> = {},
  watch?: (child: ChildProcess) => void,
): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, errors }));
    watch?.(child);
  });

/** What must be the same however often a run was interrupted: its weights and moments, and what it measured. */
export const outcome = (run: string): { model: Buffer; optimizer: Buffer; metrics: string } => {
  const latest = join(run, 'checkpoints', readFileSync(join(run, 'checkpoints', 'latest'), 'utf8').trim());
  const rows = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const measured = rows.map((line) => {
    const { step, loss, bitsPerByte, validation } = JSON.parse(line);
    return JSON.stringify({ step, loss, bitsPerByte, validation });
  });
  return {
    model: readFileSync(join(latest, 'model.safetensors')),
    optimizer: readFileSync(join(latest, 'optimizer.safetensors')),
    metrics: measured.join('\n'),
  };
};

/** The last step in `metrics.jsonl`, 0 where there is none yet. */
export const lastStep = (run: string): number => {
  const path = join(run, 'metrics.jsonl');
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  const whole = lines.slice(0, -1).at(-1);
  return whole ? (JSON.parse(whole).step as number) : 0;
};

import { describe, expect, it } from 'vitest';
import { outputBytes } from './run-filter.js';

/** A program for this Node. */
const node = (program: string) => ({ name: 'node', tool: process.execPath, args: ['-e', program] });
const million = new Uint8Array(1_000_000);

describe('outputBytes', () => {
  it('counts what comes out of what goes in', async () => {
    const pieces = [million, million, new Uint8Array(5)];
    expect(await outputBytes(node('process.stdin.pipe(process.stdout)'), pieces)).toEqual({ bytes: 2_000_005 });
  });

  it('tells the last words of a program that fails', async () => {
    const program = 'console.error("first"); console.error("no memory"); process.exitCode = 3; process.stdin.resume()';
    expect(await outputBytes(node(program), [million])).toEqual({ failure: 'no memory' });
  });

  it('tells the exit code of one that fails without a word, before it has read', async () => {
    expect(await outputBytes(node('process.exit(4)'), [million, million, million])).toEqual({ failure: 'exit code 4' });
  });

  it('tells the signal that ended a program', async () => {
    const killed = node('process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000)');
    expect(await outputBytes(killed, [million])).toEqual({ failure: 'ended by SIGTERM' });
  });

  it('has nothing to tell of a program that is not installed, and draws no input for it', async () => {
    let drawn = 0;
    const pieces = function* () {
      drawn++;
      yield million;
    };
    expect(await outputBytes({ name: 'none', tool: 'no-such-tool-here', args: [] }, pieces())).toEqual({});
    expect(drawn).toBe(0);
  });
});

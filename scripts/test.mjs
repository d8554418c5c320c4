/**
 * `npm test`: builds what is out of date, then runs the tests, the type check and the linter, all of them even when one
 * fails. The last line counts the tests plus those two checks: `N passed, N failed[, N skipped]`.
 * Arguments go to vitest (`npm test -- src/data`).
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkTypes, root, runNode } from './toolchain.mjs';

/** The counts of vitest's own report; a file that did not load and a crash outside any test are failures too. */
function countTests(reportPath, ok) {
  let report;
  try {
    report = JSON.parse(readFileSync(reportPath, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const failed = report.numFailedTests + broken.length;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && !ok ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function runTests(args) {
  const folder = mkdtempSync(join(tmpdir(), 'nonet-test-'));
  const report = join(folder, 'report.json');
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  try {
    const { ok } = runNode([vitest, 'run', ...reporters, ...args]);
    return countTests(report, ok);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runCheck(name, check) {
  const ok = check();
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name}`);
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
}

// A build that fails does not end the run: its tests then fail one by one and say where.
runNode([join(root, 'scripts', 'prepare.mjs')]);

const biome = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
const results = [
  runTests(process.argv.slice(2)),
  runCheck('tsc --noEmit', checkTypes),
  runCheck('biome check', () => runNode([biome, 'check', '.']).ok),
];
const sum = (key) => results.reduce((total, result) => total + result[key], 0);
const skipped = sum('skipped') > 0 ? `, ${sum('skipped')} skipped` : '';
console.log(`${sum('passed')} passed, ${sum('failed')} failed${skipped}`);
process.exitCode = sum('failed') > 0 ? 1 : 0;

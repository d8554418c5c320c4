import { describe, expect, it } from 'vitest';
import { type ErrorCode, NonetError } from '../core/errors.js';
import { exitCodeOf, reportError } from './report-error.js';
import { memoryIo } from './test-support.js';

describe('exitCodeOf', () => {
  it('is 2 for a wrong command line or configuration and 1 for all else', () => {
    const codes: ErrorCode[] = [
      'E_USAGE',
      'E_CONFIG',
      'E_FILE',
      'E_DATA',
      'E_RUN',
      'E_CHECKPOINT',
      'E_PROMPT',
      'E_MEMORY',
    ];
    expect(codes.map((code) => exitCodeOf(new NonetError(code, 'x')))).toEqual([2, 2, 1, 1, 1, 1, 1, 1]);
    expect(exitCodeOf(new TypeError('x'))).toBe(1);
  });
});

describe('reportError', () => {
  const report = (error: unknown, json = false, env: Record<string, string> = {}): string => {
    const { io, err } = memoryIo({ env });
    reportError(error, io, { json });
    return err();
  };

  it('writes one line and no stack trace', () => {
    expect(report(new NonetError('E_FILE', 'cannot read a'))).toBe('error: cannot read a\n');
  });

  it('puts a list of one problem on that line and keeps longer lists', () => {
    expect(report(new NonetError('E_CONFIG', 'r has a problem:\n  a: b'))).toBe('error: r has a problem: a: b\n');
    expect(report(new NonetError('E_CONFIG', 'r has 2:\n  a\n  b'))).toBe('error: r has 2:\n  a\n  b\n');
  });

  it('gives programs the code', () => {
    expect(JSON.parse(report(new NonetError('E_RUN', 'no'), true))).toEqual({
      error: { code: 'E_RUN', message: 'no' },
    });
    expect(JSON.parse(report(new RangeError('no'), true))).toMatchObject({ error: { code: 'E_INTERNAL' } });
  });

  it('owns up to errors that nobody foresaw, in one line', () => {
    expect(report(new TypeError('x is not a function\nmore'))).toMatch(
      /^error: .*did not foresee: x is not a function\. .*\n$/,
    );
  });

  it('shows the stack only to those who ask', () => {
    expect(report(new NonetError('E_FILE', 'x'), false, { NONET_DEBUG: '1' })).toMatch(/\n {4}at /);
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256, sha256File } from './hash.js';

// The test vectors of FIPS 180-2.
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const MILLION_A = 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nonet-hash-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('sha256', () => {
  it('gives the published digest of text and of its bytes', () => {
    expect(sha256('abc')).toBe(ABC);
    expect(sha256(new Uint8Array([97, 98, 99]))).toBe(ABC);
  });

  it('gives the published digest of a file', async () => {
    const path = join(folder, 'a.txt');
    await writeFile(path, 'a'.repeat(1_000_000));
    expect(await sha256File(path)).toBe(MILLION_A);
  });

  it('names a file that is missing', async () => {
    await expect(sha256File(join(folder, 'none'))).rejects.toMatchObject({
      code: 'E_FILE',
      message: expect.stringContaining('none'),
    });
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JsonlOptions, jsonlTexts } from './jsonl.js';

const defaults: JsonlOptions = { path: 'x.jsonl', textField: 'text', separator: 0x0a, continues: false };

async function texts(source: string | Uint8Array, changes: Partial<JsonlOptions> = {}, size = 5): Promise<string> {
  const bytes = Buffer.from(source);
  const pieces = async function* () {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  };
  const parts: Uint8Array[] = [];
  for await (const part of jsonlTexts(pieces(), { ...defaults, ...changes })) parts.push(part);
  return Buffer.concat(parts).toString();
}

describe('jsonlTexts', () => {
  it('joins any documents by the separator, however the file is cut into pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }),
        fc.integer({ min: 1, max: 50 }),
        async (documents, size) => {
          const source = documents.map((text) => JSON.stringify({ id: 1, text })).join('\n');
          expect(await texts(source, {}, size)).toBe(documents.join('\n'));
        },
      ),
    );
  });

  it('takes another field and separator, blank lines, CRLF, a byte order mark and no last line feed', async () => {
    const source = '\ufeff{"body":"a"}\r\n\n   \n{"body":"b"}';
    expect(await texts(source, { textField: 'body', separator: 0x20 })).toBe('a b');
  });

  it('sets the first document off from what stands before it', async () => {
    expect(await texts('{"text":"a"}\n', { continues: true })).toBe('\na');
  });

  it.each([
    ['a line that does not parse', '{"text":"a"}\n\n{"text":\n', 3, /not valid JSON/],
    ['a line in another encoding', Buffer.from('7b2274657874223a22ff227d', 'hex'), 1, /not UTF-8/],
    ['a missing field', '{"text":"a"}\n{"body":"b","id":1}', 2, /"text" is missing \(fields here: body, id\)/],
    ['a field that only the prototype has', '{"a":1}', 1, /"toString" is missing/],
    ['half of a surrogate pair', '{"text":"a"}\n{"text":"b\\ud800"}', 2, /half of a surrogate pair at character 1/],
    ['a field of another type', '{"text":7}', 1, /not a string/],
    ['a line that is no object', '{"text":"a"}\n["b"]', 2, /JSON object is expected/],
  ])('names file and line of %s', async (name, source, line, message) => {
    const textField = name.includes('prototype') ? 'toString' : 'text';
    await expect(texts(source, { textField })).rejects.toMatchObject({
      code: 'E_DATA',
      message: expect.stringMatching(new RegExp(`^x\\.jsonl, line ${line}: .*${message.source}`)),
    });
  });
});

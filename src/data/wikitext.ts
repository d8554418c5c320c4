import type { SourceFile } from './sources.js';

const SPACE = 0x20;
const EQUALS = 0x3d;
const LINE_FEED = 0x0a;

export interface ArticleOptions {
  /** The byte between two articles. */
  readonly separator: number;
  /** True when the first article is to be set off too. */
  readonly continues: boolean;
}

/**
 * The text of a WikiText file (Merity et al. 2016) with one `separator` byte before every article but the first. An article
 * begins at a line ` = Title = `; those of its sections have more equals signs. A piece per piece of input.
 */
export async function* wikitextArticles(
  bytes: AsyncIterable<Uint8Array>,
  { separator, continues }: ArticleOptions,
): AsyncGenerator<Uint8Array> {
  const mark = Uint8Array.of(separator);
  let first = !continues;
  let open: Uint8Array[] = [];
  const takeLine = (parts: Uint8Array[], line: Uint8Array): void => {
    if (isTitle(line)) {
      if (!first) parts.push(mark);
      first = false;
    }
    parts.push(line);
  };
  for await (const piece of bytes) {
    const parts: Uint8Array[] = [];
    let start = 0;
    for (let end = piece.indexOf(LINE_FEED); end >= 0; end = piece.indexOf(LINE_FEED, start)) {
      takeLine(parts, Buffer.concat([...open, piece.subarray(start, end + 1)]));
      open = [];
      start = end + 1;
    }
    if (start < piece.length) open.push(piece.slice(start));
    if (parts.length > 0) yield Buffer.concat(parts);
  }
  const last: Uint8Array[] = [];
  if (open.length > 0) takeLine(last, Buffer.concat(open));
  if (last.length > 0) yield Buffer.concat(last);
}

/** ` = Title = ` with one equals sign on either side, spaces and a line end behind it. */
const isTitle = (line: Uint8Array): boolean => {
  if (line[0] !== SPACE || line[1] !== EQUALS || line[2] !== SPACE || line[3] === EQUALS) return false;
  let end = line.length;
  while (end > 0 && line[end - 1]! <= SPACE) end -= 1;
  return end > 4 && line[end - 1] === EQUALS && line[end - 2] === SPACE && line[end - 3] !== EQUALS;
};

const partOf = ({ name }: SourceFile): string | undefined => /(?:^|\/)wiki\.(train|valid|test)\./.exec(name)?.[1];

/**
 * The parts that a WikiText folder comes in, `wiki.train.*`, `wiki.valid.*` and `wiki.test.*`, the last of which is left
 * alone: files with other names are training files.
 */
export const wikitextParts = (
  sources: readonly SourceFile[],
): { training: SourceFile[]; validation: SourceFile[] } => ({
  training: sources.filter((source) => !['valid', 'test'].includes(partOf(source) ?? '')),
  validation: sources.filter((source) => partOf(source) === 'valid'),
});

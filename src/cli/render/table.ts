export type Align = 'left' | 'right';

/**
 * Rows of cells in columns two spaces apart, each as wide as its widest cell; no spaces at the ends of lines. Every line
 * ends with a newline; no rows give no text.
 *
 * @param align of each column, `left` where not given
 */
export const table = (rows: readonly (readonly string[])[], align: readonly Align[] = []): string => {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell));
    });
  }
  const lines = rows.map((row) =>
    row.map((cell, column) => padded(cell, widths[column] ?? 0, align[column] ?? 'left')).join('  '),
  );
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
};

/** Names and values in two columns, indented; entries without a value are left out. */
export const facts = (entries: readonly (readonly [name: string, value: string | undefined])[]): string =>
  table(
    entries
      .filter((entry): entry is [string, string] => entry[1] !== undefined)
      .map(([name, value]) => [`  ${name}`, value]),
  );

const padded = (cell: string, width: number, align: Align): string => {
  const space = ' '.repeat(width - displayWidth(cell));
  return align === 'left' ? cell + space : space + cell;
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour sequences start with the escape character
const colorSequences = /\x1b\[[0-9;]*m/g;

/** Characters without colour sequences. */
const displayWidth = (text: string): number => [...text.replace(colorSequences, '')].length;

import pc from 'picocolors';

/** Where a command writes: a terminal, a pipe, a file, or a test's memory. */
export interface CliOutput {
  write(data: string | Uint8Array): unknown;
  readonly isTTY?: boolean;
  /** Width of a terminal; 0 where it has no window, which tells nothing. */
  readonly columns?: number;
}

/** Where lines come from: a terminal, a pipe, a file, or a test. */
export type CliInput = NodeJS.ReadableStream & { readonly isTTY?: boolean };

/** A command's surroundings. Results go to `out`, everything said beside them to `err`. */
export interface CliIo {
  readonly out: CliOutput;
  readonly err: CliOutput;
  /** Standard input unless given. */
  readonly in?: CliInput;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Colours for one output: none without a terminal or where `NO_COLOR` is set. */
export const colorsFor = (output: CliOutput, env: CliIo['env']): ReturnType<typeof pc.createColors> =>
  pc.createColors(output.isTTY === true && !env.NO_COLOR);

/** The width to write for: that of the terminal, or one that suits files and pipes. */
export const widthOf = ({ columns }: CliOutput): number => columns || 100;

/** Says something that does not stop the command. */
export const warnOn = (io: CliIo) => (message: string) => {
  io.err.write(`${colorsFor(io.err, io.env).yellow('warning:')} ${message}\n`);
};

/** A value as JSON, indented, on a line that ends. */
export const printJson = (io: CliIo, value: unknown): void => {
  io.out.write(`${JSON.stringify(value, null, 2)}\n`);
};

import type { Writer } from 'protobufjs/minimal.js';

/** How a field's value is written, by its number in the format. */
export const wireTypes = { varint: 0, double: 1, delimited: 2, float: 5 } as const;

/** Announces a field. */
export const tag = (writer: Writer, field: number, wireType: number): Writer => writer.uint32((field << 3) | wireType);

/** A field that is a message, which `write` fills. */
export const message = (writer: Writer, field: number, write: (inner: Writer) => void): void => {
  tag(writer, field, wireTypes.delimited).fork();
  write(writer);
  writer.ldelim();
};

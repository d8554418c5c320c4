/**
 * Turns a stream of arbitrary bytes into text that is safe to show on a terminal: UTF-8 is decoded across pieces, and
 * what is not text (ill-formed bytes, control characters that could steer the terminal) is shown as a replacement
 * character. Line feeds and tabs stay.
 */
export const terminalDecoder = (): { push(bytes: Uint8Array): string; end(): string } => {
  const decoder = new TextDecoder('utf-8');
  return {
    push: (bytes) => harmless(decoder.decode(bytes, { stream: true })),
    end: () => harmless(decoder.decode()),
  };
};

/** {@link terminalDecoder} for bytes that are all there. */
export const terminalText = (bytes: Uint8Array): string => harmless(new TextDecoder('utf-8').decode(bytes));

const harmless = (text: string): string =>
  text.replace(/\p{Cc}/gu, (character) => ('\n\t'.includes(character) ? character : '\ufffd'));

/**
 * Every failure that nonet foresees. `code` is stable and meant for programs, `message` for people: it says what was
 * wrong, where, and what to do about it.
 */
export class NonetError extends Error {
  readonly code: ErrorCode;
  /** Facts about the failure (path, position, shapes) for programs and logs. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NonetError';
    this.code = code;
    this.details = details;
  }
}

export type ErrorCode =
  /** A shape, dtype or attribute that an op does not take; raised while tracing. */
  | 'E_SHAPE'
  /** A handle whose memory was donated to a later state. */
  | 'E_DONATED'
  /** Misuse of the tracing or compile API. */
  | 'E_TRACE'
  /** A guard ended the program before it wrote its state. */
  | 'E_GUARD'
  /** NaN or infinity in the loss or the gradients. */
  | 'E_NOT_FINITE'
  /** A compiled program or native call that the core refuses. */
  | 'E_PROGRAM'
  /** Not enough memory for the plan. */
  | 'E_MEMORY'
  /** Wrong configuration: unknown key, value out of range. */
  | 'E_CONFIG'
  /** Wrong command line. */
  | 'E_USAGE'
  /** A file that is missing, unreadable or not writable. */
  | 'E_FILE'
  /** Data that does not parse or is too small. */
  | 'E_DATA'
  /** Bits or bytes that do not decode: parity, frame length, UTF-8, run lengths. */
  | 'E_CODEC'
  /** A checkpoint that is damaged, of another version, or does not fit the model. */
  | 'E_CHECKPOINT'
  /** A run folder that is locked, missing or in the way. */
  | 'E_RUN'
  /** A prompt or generation setting that cannot be served. */
  | 'E_PROMPT';

/** What data may be said to be: `auto` looks at the extension; `text` and `binary` both take the bytes as they are. */
export const formatOptions = ['auto', 'text', 'binary', 'jsonl', 'tfrecord', 'wikitext'] as const;

export type FormatOption = (typeof formatOptions)[number];

/** What a look at data can tell that it is. */
export type DataKind = Exclude<FormatOption, 'auto'>;

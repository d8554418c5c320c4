import type { GenerateOptions, GenerateResult } from '../../generate/index.js';
import type { ChatSettings } from './settings.js';

/** What writes the answers: `createGenerator` with a model's state. */
export type Writer = (options: GenerateOptions) => Promise<GenerateResult>;

export interface AnswerOptions {
  readonly onBytes: (bytes: Uint8Array) => void;
  readonly onNotice: (text: string) => void;
  /** Ends the answer; what there is of it is kept. */
  readonly signal: AbortSignal;
}

const lineFeed = 0x0a;
/** Small, so that bytes are seen as they come; it changes none of them. */
const bytesPerCall = 4;

/** All that was said, by both. The model sees as much of its end as its context holds. */
export class Conversation {
  private text: number[] = [];
  private answers = 0;

  constructor(
    private readonly write: Writer,
    private readonly fixed: Pick<GenerateOptions, 'dataParity' | 'stop'>,
  ) {}

  reset(): void {
    this.text = [];
    this.answers = 0;
  }

  /** Lets the model go on behind a line, a line of its own in the text, or where it ended if the line is empty. */
  async answer(line: string, settings: ChatSettings, options: AnswerOptions): Promise<GenerateResult> {
    const said = new TextEncoder().encode(line);
    const isNewLine = said.length > 0 && this.text.length > 0 && this.text.at(-1) !== lineFeed;
    const asked = [
      ...this.text,
      ...(isNewLine ? [lineFeed] : []),
      ...said,
      ...(said.length > 0 && settings.lineBreak ? [lineFeed] : []),
    ];
    const made: number[] = [];
    const result = await this.write({
      ...this.fixed,
      ...settings.sampling,
      prompts: [Uint8Array.from(asked)],
      maxBytes: settings.length,
      seed: settings.seed + this.answers,
      utf8: settings.utf8,
      bytesPerCall,
      onBytes: (_, bytes) => {
        made.push(...bytes);
        options.onBytes(bytes);
      },
      onNotice: options.onNotice,
      signal: options.signal,
    });
    this.text = [...asked, ...made];
    this.answers++;
    return result;
  }
}

import { NonetError } from '../core/errors.js';
import { permute, seedKey } from '../core/random.js';

/** In which order the windows of the data come: plain data, which another thread can be told. */
export interface DataOrder {
  /** Bytes of data among which windows are shuffled; 0: all of it. */
  readonly shuffleBytes: number;
  /** Files, or equal parts of the data where there are fewer files, that are read side by side. */
  readonly interleave: number;
  /** Bytes that each file gave, in the order of the data. */
  readonly files: readonly number[];
}

/** How windows lie in the data. */
export interface WindowGrid {
  readonly windows: number;
  /** Bytes from one window to the next; not always whole where patches straddle bytes. */
  readonly strideBytes: number;
}

export interface WindowOrder {
  /** Windows that are shuffled among each other; the last group of an epoch may have fewer. */
  readonly groupSize: number;
  /** The window at one place of an epoch: every window has exactly one. */
  at(epoch: number, place: number): number;
  /** The window at one place of an epoch before windows are shuffled. */
  unshuffled(epoch: number, place: number): number;
}

/** Set shuffles of files and of windows apart from each other and from every other use of the seed. */
const FILES = 0x66696c65;
const WINDOWS = 0x65706f63;

/**
 * An order of windows for each epoch, of which any place can be asked for. Files follow on each other in an order drawn
 * for the epoch, `interleave` of them open at a time: places take a window from each open file in turn, and where one
 * ends the next file takes its turn. A window belongs to the file that it begins in. What comes of that is shuffled in
 * groups of `shuffleBytes`, one after the other.
 *
 * @throws NonetError `E_CONFIG` for counts out of range.
 */
export const createWindowOrder = (grid: WindowGrid, order: DataOrder | undefined, seed: number): WindowOrder => {
  const { windows, strideBytes } = grid;
  const { shuffleBytes = 0, interleave = 1 } = order ?? {};
  requireWhole('data.shuffleBytes', shuffleBytes, 0);
  requireWhole('data.interleave', interleave, 1);
  const groupSize =
    shuffleBytes === 0 ? windows : Math.min(windows, Math.max(1, Math.floor(shuffleBytes / strideBytes)));
  const parts = order && groupSize < windows ? partsOf(grid, order) : [{ first: 0, windows }];

  const turnsOf = (epoch: number): Turns => {
    const key = seedKey(seed, FILES, epoch);
    return takeTurns(
      parts.map((_, index) => parts[permute(index, parts.length, key)]!),
      interleave,
    );
  };
  // Places are asked for epoch by epoch.
  let last: { readonly epoch: number; readonly turns: Turns } | undefined;
  const unshuffled = (epoch: number, place: number): number => {
    if (last?.epoch !== epoch) last = { epoch, turns: turnsOf(epoch) };
    return last.turns(place);
  };
  return {
    groupSize,
    unshuffled,
    at: (epoch, place) => {
      const group = Math.floor(place / groupSize);
      const first = group * groupSize;
      const size = Math.min(groupSize, windows - first);
      return unshuffled(epoch, first + permute(place - first, size, seedKey(seed, WINDOWS, epoch, group)));
    },
  };
};

/** Windows that lie one behind the other. */
interface Part {
  readonly first: number;
  readonly windows: number;
}

/** The windows that begin in each file, or equal parts of all where fewer files than are to be read at once have any. */
const partsOf = ({ windows, strideBytes }: WindowGrid, { files, interleave }: DataOrder): Part[] => {
  const cut = (ends: readonly number[]): Part[] =>
    ends
      .map((end, index) => ({ first: ends[index - 1] ?? 0, windows: end - (ends[index - 1] ?? 0) }))
      .filter((part) => part.windows > 0);
  let bytes = 0;
  const ends = files.map((size) => {
    bytes += size;
    return Math.min(windows, Math.ceil(bytes / strideBytes));
  });
  const byFile = cut([...ends, windows]);
  if (byFile.length >= interleave) return byFile;
  return cut(Array.from({ length: interleave }, (_, index) => Math.floor((windows * (index + 1)) / interleave)));
};

/** The window at a place. */
type Turns = (place: number) => number;

/** Places over which the same parts are open: `next` has the first window of each that was not taken before. */
interface Phase {
  readonly from: number;
  readonly next: readonly number[];
}

/** Opens the first `count` parts, takes a window from each in turn, and opens the next part where one ends. */
const takeTurns = (parts: readonly Part[], count: number): Turns => {
  const waiting = [...parts].reverse();
  let open: Part[] = [];
  const phases: Phase[] = [];
  for (let from = 0; ; ) {
    while (open.length < count && waiting.length > 0) open.push(waiting.pop()!);
    if (open.length === 0) break;
    phases.push({ from, next: open.map(({ first }) => first) });
    const rounds = Math.min(...open.map(({ windows }) => windows));
    from += rounds * open.length;
    open = open.flatMap(({ first, windows }) => {
      if (windows > rounds) return { first: first + rounds, windows: windows - rounds };
      return waiting.pop() ?? [];
    });
  }
  return (place) => {
    const { from, next } = lastBefore(phases, place);
    const within = place - from;
    return next[within % next.length]! + Math.floor(within / next.length);
  };
};

const lastBefore = (phases: readonly Phase[], place: number): Phase => {
  let [low, high] = [0, phases.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (phases[middle]!.from <= place) low = middle;
    else high = middle - 1;
  }
  return phases[low]!;
};

const requireWhole = (name: string, value: number, least: number): void => {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new NonetError('E_CONFIG', `${name} is ${value}: a whole number of at least ${least} is expected.`);
};

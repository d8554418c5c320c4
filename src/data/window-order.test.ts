import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createWindowOrder, type DataOrder, type WindowGrid } from './window-order.js';

/** An epoch of windows that lie 10 bytes apart. */
const epochOf = (windows: number, order: DataOrder | undefined, seed = 1, epoch = 0): number[] => {
  const { at } = createWindowOrder({ windows, strideBytes: 10 }, order, seed);
  return Array.from({ length: windows }, (_, place) => at(epoch, place));
};

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const sorted = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b);

/** Groups of one window each: nothing is shuffled but the files. */
const files = (interleave: number, ...sizes: number[]): DataOrder => ({ shuffleBytes: 1, interleave, files: sizes });

describe('createWindowOrder', () => {
  it('has each window exactly once per epoch, whatever the files, the interleave and the groups', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 120 }),
        fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 500 }),
        fc.nat(5),
        (windows, sizes, interleave, shuffleBytes, epoch) => {
          const order = { shuffleBytes, interleave, files: sizes };
          expect(sorted(epochOf(windows, order, 7, epoch))).toEqual(range(0, windows));
        },
      ),
    );
  });

  it('shuffles within groups of so many bytes, one group after the other', () => {
    const places = epochOf(95, { shuffleBytes: 209, interleave: 1, files: [950] });
    for (let first = 0; first < 95; first += 20) {
      const group = places.slice(first, first + 20);
      expect(sorted(group)).toEqual(range(first, Math.min(first + 20, 95)));
      expect(group).not.toEqual(sorted(group));
    }
  });

  it('reads files side by side, and opens the next one where one ends', () => {
    const places = epochOf(8, files(2, 30, 30, 20));
    const owner = (window: number): number => (window < 3 ? 0 : window < 6 ? 1 : 2);
    const [a, b] = [owner(places[0]!), owner(places[1]!)];
    expect(a).not.toBe(b);
    expect(places.slice(0, 4).map(owner)).toEqual([a, b, a, b]);
    // Inside of a file windows stay in order.
    for (const file of [0, 1, 2]) {
      const own = places.filter((window) => owner(window) === file);
      expect(own).toEqual(sorted(own));
    }
  });

  it('draws the order of the files for each epoch and seed', () => {
    const order = files(1, ...Array.from({ length: 12 }, () => 10));
    const epochs = [epochOf(12, order, 1, 0), epochOf(12, order, 1, 1), epochOf(12, order, 2, 0)];
    expect(new Set(epochs.map(String)).size).toBe(3);
    expect(epochOf(12, order, 1, 0)).toEqual(epochs[0]);
  });

  it('reads equal parts side by side where there are fewer files', () => {
    const places = epochOf(40, files(4, 400));
    const firsts = sorted(places.slice(0, 4));
    expect(firsts).toEqual([0, 10, 20, 30]);
    expect(places.slice(4, 8)).toEqual(places.slice(0, 4).map((window) => window + 1));
  });

  it('counts a window to the file that it begins in, and passes over files without one', () => {
    // Windows begin at 0, 10, 20, 30: the second file has none, the third those at 20 and 30.
    const places = epochOf(4, files(1, 14, 5, 30));
    expect([...places.join('')].join(',')).toMatch(/^(0,1,2,3|2,3,0,1)$/);
  });

  it('is the plain shuffle where the group holds all', () => {
    const all = epochOf(50, undefined);
    expect(epochOf(50, { shuffleBytes: 0, interleave: 1, files: [500] })).toEqual(all);
    expect(epochOf(50, { shuffleBytes: 1e12, interleave: 3, files: [500] })).toEqual(all);
  });

  it.each([
    { shuffleBytes: -1, interleave: 1, files: [] },
    { shuffleBytes: 0.5, interleave: 1, files: [] },
    { shuffleBytes: 10, interleave: 0, files: [] },
  ])('refuses %j', (order) => {
    const grid: WindowGrid = { windows: 4, strideBytes: 10 };
    expect(() => createWindowOrder(grid, order, 1)).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
  });
});

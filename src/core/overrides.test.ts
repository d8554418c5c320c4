import { describe, expect, it } from 'vitest';
import { applyOverrides } from './overrides.js';

describe('applyOverrides', () => {
  it.each([
    ['a=3', 3],
    ['a=1e-3', 1e-3],
    ['a=true', true],
    ['a=null', null],
    ['a=', null],
    ['a=text with spaces', 'text with spaces'],
    ['a="3"', '3'],
    ['a=[1, two, 3.5]', [1, 'two', 3.5]],
    ['a={b: 1}', { b: 1 }],
    ['a=x=y', 'x=y'],
    ['a=*.txt', '*.txt'],
    ['a=**/*.md', '**/*.md'],
    ['a=#1', '#1'],
    ['a=C: drive', 'C: drive'],
    ['a=- dash', '- dash'],
    ['a=/some/path.txt', '/some/path.txt'],
  ])('reads %s', (override, value) => {
    expect(applyOverrides({}, [override])).toEqual({ a: value });
  });

  it('sets keys deep inside, the last one wins, and leaves the given tree as it was', () => {
    const tree = { train: { steps: 1, rate: 2 }, list: [{ path: 'a' }, { path: 'b' }] };
    const before = structuredClone(tree);
    const changed = applyOverrides(tree, ['train.steps=3', 'train.steps=4', 'model.heads=2', 'list.1.path=c']);
    expect(changed).toEqual({
      train: { steps: 4, rate: 2 },
      list: [{ path: 'a' }, { path: 'c' }],
      model: { heads: 2 },
    });
    expect(tree).toEqual(before);
  });

  it.each([
    ['steps', /"steps" is not a setting/],
    ['=3', /is not a setting/],
    ['a..b=3', /is not a setting/],
    ['a=[1, 2', /the value of "a=\[1, 2" is not valid YAML/],
    ['seed.x=1', /7 stands where a group with "x" would be/],
    ['list.2.path=1', /"2" is not an item of this list of 1/],
    ['list.x=1', /"x" is not an item/],
  ])('refuses %s', (override, message) => {
    expect(() => applyOverrides({ seed: 7, list: [{}] }, [override])).toThrow(
      expect.objectContaining({ code: 'E_USAGE', message: expect.stringMatching(message) }),
    );
  });

  it('never reaches the prototype of objects', () => {
    applyOverrides({}, ['__proto__.polluted=1', 'constructor.prototype.polluted=1']);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

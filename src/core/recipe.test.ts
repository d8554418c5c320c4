import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageFile } from './package-root.js';
import { loadRecipe, mergeTrees } from './recipe.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nonet-recipe-'));
});
afterEach(() => rm(folder, { recursive: true }));

const write = async (name: string, text: string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};

describe('loadRecipe', () => {
  it('reads YAML and JSON alike', async () => {
    const tree = { seed: 1, data: { path: ['a', 'b'] } };
    expect(await loadRecipe(await write('a.yaml', 'seed: 1\ndata:\n  path: [a, b]\n'))).toEqual(tree);
    expect(await loadRecipe(await write('a.json', JSON.stringify(tree)))).toEqual(tree);
  });

  it('takes a file of comments only as one that sets nothing', async () => {
    expect(await loadRecipe(await write('a.yaml', '# nothing yet\n'))).toEqual({});
  });

  it('lays a recipe over the one it extends, whose path is relative to the file', async () => {
    await mkdir(join(folder, 'sub'));
    await write('base.json', '{"seed":1,"train":{"steps":5,"betas":[1,2]},"model":{"layers":2}}');
    await write('sub/middle.yaml', 'extends: ../base.json\ntrain: { steps: 6, betas: [3] }\n');
    const top = await write('top.yaml', 'extends: sub/middle.yaml\nmodel: { heads: 4 }\n');
    expect(await loadRecipe(top)).toEqual({
      seed: 1,
      train: { steps: 6, betas: [3] },
      model: { layers: 2, heads: 4 },
    });
  });

  it('extends a recipe that comes with nonet by its name, where there is no file of that name', async () => {
    const top = await write('mine.yaml', 'extends: bitformer-a-tiny\nmodel: { layers: 3 }\n');
    const tiny = await loadRecipe(packageFile('recipes/bitformer-a-tiny.yaml'));
    expect(await loadRecipe(top)).toEqual(mergeTrees(tiny, { model: { layers: 3 } }));
    await write('beside.yaml', 'extends: bitformer-a.yaml\n');
    await write('bitformer-a.yaml', 'seed: 5\n');
    expect(await loadRecipe(join(folder, 'beside.yaml'))).toEqual({ seed: 5 });
    const misspelt = await write('misspelt.yaml', 'extends: bitformr-a\n');
    await expect(loadRecipe(misspelt)).rejects.toMatchObject({
      code: 'E_FILE',
      message: expect.stringMatching(/misspelt\.yaml: "bitformr-a" is no file .*Did you mean bitformer-a\?/),
    });
  });

  it('names the circle when recipes extend each other', async () => {
    const a = await write('a.yaml', 'extends: b.yaml');
    await write('b.yaml', 'extends: a.yaml');
    await expect(loadRecipe(a)).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringMatching(/circle: .*a\.yaml -> .*b\.yaml -> .*a\.yaml/),
    });
  });

  it.each([
    ['a.yaml', 'seed: 1\ntrain: [1, 2\nx: 3\n', /a\.yaml:\d+:\d+: /],
    ['a.yaml', 'seed: 1\nseed: 2\n', /a\.yaml:2:1: Map keys must be unique/],
    ['a.yaml', 'a: *b\n', /a\.yaml:.*[Uu]nresolved alias/],
    ['a.json', '{\n  "seed": 1,\n  "x": oops\n}', /a\.json:3:\d+: /],
    ['a.json', '{"seed": 1,}', /a\.json: .*JSON/],
    ['a.yaml', '- 1\n- 2\n', /a recipe is a mapping of keys/],
    ['a.toml', 'seed = 1', /this is "\.toml"/],
    ['a.yaml', 'extends: [b]', /"extends" is \["b"\], expected the path/],
    ['a.yaml', 'extends: ""', /"extends" is "", expected the path/],
  ])('refuses %s with %j', async (name, text, message) => {
    await expect(loadRecipe(await write(name, text))).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringMatching(message),
    });
  });

  it('names a recipe, or a base of one, that is missing', async () => {
    const path = await write('a.yaml', 'extends: none.yaml');
    await expect(loadRecipe(path)).rejects.toMatchObject({
      code: 'E_FILE',
      message: expect.stringContaining('none.yaml'),
    });
    await expect(loadRecipe(join(folder, 'b.yaml'))).rejects.toMatchObject({ code: 'E_FILE' });
  });
});

describe('mergeTrees', () => {
  it('never reaches the prototype of objects', () => {
    const merged = mergeTrees({}, JSON.parse('{"__proto__":{"polluted":true}}') as Record<string, unknown>);
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect(Object.keys(merged)).toEqual(['__proto__']);
  });

  it('lets null clear a group', () => {
    expect(mergeTrees({ a: { b: 1 } }, { a: null })).toEqual({ a: null });
  });
});

import { describe, expect, it } from 'vitest';
import { packageFile } from './package-root.js';
import { loadRecipe } from './recipe.js';
import { recipeNames, recipePath } from './recipe-path.js';

describe('recipePath', () => {
  it('leaves paths as they are', async () => {
    for (const path of ['mine.yaml', './quickstart', 'folder/quickstart']) expect(await recipePath(path)).toBe(path);
  });

  it('finds the recipes that come with nonet, all of which can be read', async () => {
    expect(recipeNames()).toContain('bitformer-a');
    for (const name of recipeNames()) {
      expect(await recipePath(name)).toBe(packageFile(`recipes/${name}.yaml`));
      expect(await loadRecipe(await recipePath(name))).toHaveProperty('train');
    }
  });

  it('names those that there are where a name means none', async () => {
    await expect(recipePath('bitformer_A2')).rejects.toMatchObject({
      code: 'E_FILE',
      message: expect.stringMatching(/Did you mean bitformer-a\?.*There are bitformer-a, .*shakespeare-nanogpt\.$/),
    });
  });
});

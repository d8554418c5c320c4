/**
 * Bundles dist/ into dist/bundle/, which is what `import 'nonet'` and the command load: to load some two hundred modules
 * file by file took most of the time before a first call. What comes from other packages stays outside.
 */
import { chmodSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './toolchain.mjs';

const rooms = (names) => new RegExp(`[\\\\/]dist[\\\\/](${names})[\\\\/]`);

const common = { cwd: root, platform: 'node', external: (id) => !id.startsWith('.') && !isAbsolute(id) };

const bundle = await rolldown({ ...common, input: { index: 'dist/index.js', nonet: 'dist/cli/main.js' } });
await bundle.write({
  dir: 'dist/bundle',
  cleanDir: true,
  chunkFileNames: '[name].js',
  codeSplitting: {
    // The library and the command share these. `tensor` has a chunk of its own because error messages name the first
    // line of a stack trace that is outside of it (src/tensor/op.ts).
    groups: [
      { name: 'core', test: rooms('core'), priority: 3 },
      { name: 'tensor', test: rooms('tensor'), priority: 2 },
      {
        name: 'engine',
        test: rooms('transform|compile|nn|optim|codec|data|models|checkpoint|generate|train'),
        priority: 1,
      },
    ],
  },
});
await bundle.close();

// A worker thread loads only what it needs, from a file of its own.
const worker = await rolldown({ ...common, input: { 'batch-worker': 'dist/train/batch-worker.js' } });
await worker.write({ dir: 'dist/bundle', codeSplitting: false });
await worker.close();
chmodSync(join(root, 'dist', 'bundle', 'nonet.js'), 0o755);

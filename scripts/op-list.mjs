// Writes docs/ops.md from the op definitions in dist/: node scripts/op-list.mjs
import { writeFileSync } from 'node:fs';

const load = (file) =>
  import(new URL(`../dist/tensor/${file}`, import.meta.url)).catch((error) => {
    throw new Error('dist/ is missing or broken; run `npm run build:ts` first', { cause: error });
  });

const [{ renderOpList }, { allOps }] = await Promise.all([load('op-list.js'), load('ops/index.js')]);
const page = new URL('../docs/ops.md', import.meta.url);
writeFileSync(page, renderOpList(allOps));
console.log(`docs/ops.md: ${allOps.length} ops`);

// Writes docs/olmax-config.md from the converter's table in dist/: node scripts/olmax-keys.mjs
import { writeFileSync } from 'node:fs';

const { renderOlmaxKeys } = await import('../dist/train/olmax/page.js').catch((error) => {
  throw new Error('dist/ is missing or broken; run `npm run build:ts` first', { cause: error });
});
writeFileSync(new URL('../docs/olmax-config.md', import.meta.url), renderOlmaxKeys());
console.log('docs/olmax-config.md');

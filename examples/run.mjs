/**
 * Runs an example: node examples/run.mjs NAME [ARGUMENT...]
 * Node 20 does not read TypeScript, so the types are taken off first. The copy lies here while it runs, because a file of
 * this package can import the package by its name.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const [name] = process.argv.splice(2, 1);
const source = join(here, `${name}.ts`);
if (name === undefined || !existsSync(source)) {
  const names = readdirSync(here).filter((file) => file.endsWith('.ts'));
  console.error(`usage: node examples/run.mjs NAME\nnames: ${names.map((file) => file.slice(0, -3)).join(', ')}`);
  process.exit(2);
}
const { default: ts } = await import('typescript').catch(() => {
  console.error('examples are TypeScript: run "npm install typescript" first');
  process.exit(1);
});
const { outputText } = ts.transpileModule(readFileSync(source, 'utf8'), {
  fileName: source,
  compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
});
const copy = join(here, `${name}.tmp-${process.pid}.mjs`);
writeFileSync(copy, outputText);
try {
  await import(pathToFileURL(copy).href);
} finally {
  rmSync(copy);
}

// `npm run docs`: writes the pages that are made from the code. With --check it writes nothing and ends with 1 if one is old.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { specReference } from '../src/config/reference.ts';

const root = dirname(import.meta.dirname);
const pages: Readonly<Record<string, () => string>> = { 'docs/spec.md': specReference };
for (const [path, text] of Object.entries(pages)) {
  const file = join(root, path);
  if (!process.argv.includes('--check')) {
    writeFileSync(file, text());
    console.log(`${path}: written`);
  } else if (readFileSync(file, 'utf8') !== text()) {
    console.error(`${path}: old; write it anew with npm run docs`);
    process.exitCode = 1;
  }
}

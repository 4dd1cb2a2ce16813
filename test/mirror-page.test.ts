import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkSpecText } from '../src/config/check-spec.ts';
import { good } from '../src/config/wrong-specs.ts';

test('the example of the page about mirrors is a spec', () => {
  const page = readFileSync(join(import.meta.dir, '../docs/mirror.md'), 'utf8');
  const [, example] = /```yaml\n([^]*?)```/.exec(page) ?? [];
  expect(example).toContain('mirror:');
  expect(checkSpecText(good + (example ?? '')).problems ?? []).toEqual([]);
});

import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkSpecText } from './check-spec.ts';
import { type JsonSchema, specJsonSchema } from './json-schema.ts';
import { exampleSpec, specReference } from './reference.ts';

test('docs/spec.md is what the schema says; if not: npm run docs', () => {
  expect(readFileSync(join(import.meta.dirname, '../../docs/spec.md'), 'utf8')).toBe(specReference());
});

test('the example at its top is a good spec', () => {
  const block = /```yaml\n(.*?)```/s.exec(specReference())?.[1];
  expect(block).toBe(exampleSpec);
  expect(checkSpecText(exampleSpec).problems).toBeUndefined();
});

test('every key has a meaning, and every default is one that may be written', () => {
  const walk = (schema: JsonSchema, path: string): void => {
    for (const [key, value] of Object.entries(schema.properties ?? {})) {
      const at = `${path}.${key}`;
      expect(value.description, at).toBeString();
      walk(value, at);
    }
    for (const inner of [schema.items, schema.additionalProperties || undefined, ...(schema.anyOf ?? [])]) {
      if (inner) walk(inner, path);
    }
  };
  walk(specJsonSchema(), '');
});

import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CutoverError, errorRecord, errorTable } from './errors.ts';

const page = readFileSync(join(import.meta.dir, '../../docs/errors.md'), 'utf8');
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section] as const),
);

test('every error of the table is on the reference page, with its title and exit code, and the other way round', () => {
  expect([...sections.keys()].sort()).toEqual(Object.keys(errorTable).sort());
  for (const [code, { exit, title }] of Object.entries(errorTable)) {
    expect(sections.get(code)).toContain(`\n${title}. Exit code ${exit}.\n`);
  }
});

test('an error becomes data with all that it says, and a foreign one keeps its text', () => {
  const error = new CutoverError('disk-full', 'no room', { next: 'make room', detail: { log: ['last'] } });
  expect(errorRecord(error)).toEqual({
    code: 'disk-full',
    message: 'no room',
    next: 'make room',
    detail: { log: ['last'] },
  });
  expect(errorRecord(new TypeError('x'))).toEqual({ code: 'internal', message: 'TypeError: x' });
  expect(errorRecord('text')).toEqual({ code: 'internal', message: 'text' });
});

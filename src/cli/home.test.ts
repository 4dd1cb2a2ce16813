import { afterAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { homePath, specPath } from './home.ts';

const cwd = mkdtempSync(join(tmpdir(), 'cutover where-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
const where = { cwd, env: {}, home: undefined, spec: undefined };

describe('the home directory', () => {
  test('is the one that is named, then $CUTOVER_HOME, then .cutover beside the spec, then .cutover here', () => {
    mkdirSync(join(cwd, 'shop'));
    writeFileSync(join(cwd, 'shop', 'cutover.yml'), '');
    expect(homePath({ ...where, home: 'a', env: { CUTOVER_HOME: '/b' }, spec: 'shop' })).toBe(join(cwd, 'a'));
    expect(homePath({ ...where, env: { CUTOVER_HOME: '/b' }, spec: 'shop' })).toBe('/b');
    expect(homePath({ ...where, spec: 'shop' })).toBe(join(cwd, 'shop', '.cutover'));
    expect(homePath({ ...where, spec: 'shop/cutover.yml' })).toBe(join(cwd, 'shop', '.cutover'));
    expect(homePath({ ...where, env: { CUTOVER_HOME: '' } })).toBe(join(cwd, '.cutover'));
  });
});

test('a spec is found by its names, and one that is named need not be there', () => {
  expect(specPath({ cwd: join(cwd, 'shop'), spec: undefined })).toBe(join(cwd, 'shop', 'cutover.yml'));
  expect(specPath({ cwd, spec: undefined })).toBeUndefined();
  expect(specPath({ cwd, spec: 'other.yaml' })).toBe(join(cwd, 'other.yaml'));
});

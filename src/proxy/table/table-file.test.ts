import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CutoverError } from '../../core/errors.ts';
import type { Route } from '../../core/traffic.ts';
import { parseTable, renderTable, TableFile } from './table-file.ts';
import { emptyTable, type ProxyTable } from './table.ts';

const route = (live: 'blue' | 'green', epoch: number): Route => ({
  service: 'shop',
  epoch,
  live,
  listen: { host: '127.0.0.1', port: 80 },
  preview: null,
  previewHost: null,
  blue: { release: 1, instances: [{ host: '127.0.0.2', port: 8000 }] },
  green: { release: 2, instances: [{ host: '127.0.0.3', port: 8000 }] },
});
const older: ProxyTable = { version: 1, routes: [route('blue', 1)], removed: [], standings: [] };
const newer: ProxyTable = {
  version: 2,
  routes: [route('green', 2)],
  removed: [{ service: 'blog', epoch: 4 }],
  standings: [],
};

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cutover table '));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const path = (name = 'table.json'): string => join(directory, name);
const put = (table: ProxyTable): void => new TableFile(directory).prepare(table).commit();

describe('table file', () => {
  test('what was committed is read again, and nobody else may read it', () => {
    put(older);
    put(newer);
    expect(new TableFile(directory).load()).toEqual({ table: newer, warnings: [] });
    expect(statSync(path()).mode & 0o777).toBe(0o600);
  });

  test('a home without a table is empty, with nothing to warn of', () => {
    expect(new TableFile(directory).load()).toEqual({ table: emptyTable, warnings: [] });
  });

  test('what is prepared but not committed is not in force', () => {
    put(older);
    const prepared = new TableFile(directory).prepare(newer);
    expect(new TableFile(directory).load().table).toEqual(older);
    prepared.discard();
    expect(existsSync(path('table.json.tmp'))).toBe(false);
  });

  test('a crash between the two renames of a commit leaves the new table in force, and the copy is mended', () => {
    put(older);
    writeFileSync(path(), renderTable(newer));
    expect(new TableFile(directory).load()).toEqual({ table: newer, warnings: [] });
    expect(readFileSync(path('table.copy.json'), 'utf8')).toBe(renderTable(newer));
  });

  test('cut at every byte, it is found damaged', () => {
    const text = renderTable(newer);
    // The line break at the end carries nothing.
    for (let length = 0; length < text.length - 1; length++)
      expect(parseTable(text.slice(0, length))).toHaveProperty('damage');
  });

  test('with any bit of any byte flipped, it is found damaged or reads the same', () => {
    const bytes = Buffer.from(renderTable(newer));
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Buffer.from(bytes);
        flipped.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
        const found = parseTable(flipped.toString('utf8'));
        if (!('damage' in found)) expect(found).toEqual(newer);
      }
    }
  });

  test.each(['table.json', 'table.copy.json'])(
    'a damaged %s is set aside and named, and the colour is still the right one',
    (name) => {
      put(older);
      put(newer);
      writeFileSync(path(name), renderTable(newer).replace('"live":"green"', '"live":"blue"'));
      const { table, warnings } = new TableFile(directory).load();
      expect(table).toEqual(newer);
      expect(warnings.join('\n')).toContain(path(name));
      expect(existsSync(path(`${name}.damaged`))).toBe(true);
      expect(new TableFile(directory).load()).toEqual({ table: newer, warnings: [] });
    },
  );

  test('with both damaged it starts empty and says so', () => {
    put(newer);
    for (const name of ['table.json', 'table.copy.json']) writeFileSync(path(name), '{');
    const { table, warnings } = new TableFile(directory).load();
    expect(table).toEqual(emptyTable);
    expect(warnings.join('\n')).toContain('no routes');
  });

  test('a disk that refuses is a clear error, and what is in force stays', () => {
    put(older);
    const file = new TableFile(join(directory, 'absent'));
    expect(() => file.prepare(newer)).toThrow(CutoverError);
    expect(new TableFile(directory).load().table).toEqual(older);
  });
});

import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readHomeSettings, settingsName } from './home-settings.ts';

const home = mkdtempSync(join(tmpdir(), 'home settings '));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const written = (text: string) => {
  writeFileSync(join(home, settingsName), text);
  return readHomeSettings(home);
};

test('a home without the file, or with an empty one, has no settings', () => {
  expect(readHomeSettings(join(home, 'absent'))).toEqual({});
  for (const text of ['', '\n', '# metrics: 9180\n']) expect(written(text)).toEqual({});
});

test('addresses of metrics are read, also as a port alone', () => {
  expect(written('metrics: 9180\ncontrollerMetrics: 10.0.0.1:9181 # inside\n')).toEqual({
    metrics: '9180',
    controllerMetrics: '10.0.0.1:9181',
  });
});

test('the hosts and networks that webhooks may go to are read', () => {
  expect(
    written('webhooks: { allow: [hooks.example, "*.shop.example", 10.0.0.0/8, "fe80::/10"] }\n'),
  ).toEqual({
    webhooks: { allow: ['hooks.example', '*.shop.example', '10.0.0.0/8', 'fe80::/10'] },
  });
});

test.each([
  ['webhooks: { allow: ["http://hooks.example/"] }\n', 'webhooks: allow: 0: expected a host'],
  ['webhooks: { allow: [10.0.0.300] }\n', 'expected a host'],
  ['metrics: nowhere\n', 'metrics: expected an address'],
  ['metrcs: 9180\n', 'metrcs'],
  ['- 9180\n', 'expected a map'],
  ['metrics: 99999\n', 'expected an address'],
])('what is wrong is refused by name of file and key: %p', (text, said) => {
  expect(() => written(text)).toThrow(said);
  expect(() => written(text)).toThrow(settingsName);
});

import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selfCommand } from '../cli/self.ts';
import { CutoverError } from '../core/errors.ts';
import type { StrategyState } from '../core/strategies/authored.ts';
import { createProcessStrategist } from './process.ts';

const folder = mkdtempSync(join(tmpdir(), 'own strategy '));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const state: StrategyState = {
  service: 'shop',
  live: { side: 'blue', release: 1, version: 'v1' },
  side: 'green',
  release: { number: 2, version: 'v2' },
  options: { nights: 2 },
  steps: [{ kind: 'verify' }, { kind: 'switch' }],
};

function moduleWith(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const strategist = (limitMs?: number) => createProcessStrategist([...selfCommand(), 'strategy'], limitMs);

async function failure(module: string, limitMs?: number): Promise<CutoverError> {
  try {
    await strategist(limitMs).write(module, state);
  } catch (error) {
    if (error instanceof CutoverError && error.code === 'strategy-failed') return error;
    throw error;
  }
  throw new Error('expected strategy-failed');
}

test('the example of the page writes the steps that its text tells of', async () => {
  const page = readFileSync(join(import.meta.dir, '../../docs/strategies.md'), 'utf8');
  const [, example = ''] = /^```ts\n([\s\S]*?)^```/m.exec(page) ?? [];
  expect(await strategist().write(moduleWith('example.ts', example), state)).toEqual([
    { kind: 'verify' },
    { kind: 'weigh', weight: 25 },
    { kind: 'hold', for: '1d' },
    { kind: 'weigh', weight: 50 },
    { kind: 'hold', for: '1d' },
    { kind: 'switch' },
  ]);
}, 30_000);

test('it gets the state alone, frozen, and may print what it likes', async () => {
  process.env['STRATEGY_TEST_SECRET'] = 'hush';
  const module = moduleWith(
    'looks.ts',
    `export default (state) => {
      console.log('thinking');
      process.stdout.write('without an end');
      return [Object.isFrozen(state) && Object.isFrozen(state.steps[0]), process.env.STRATEGY_TEST_SECRET ?? null];
    };`,
  );
  expect(await strategist().write(module, state)).toEqual([true, null]);
}, 30_000);

test('one that throws, exports nothing, is absent or never ends is told, with what it printed', async () => {
  const thrown = await failure(
    moduleWith(
      'throws.ts',
      `export default () => { console.error('looking'); throw new Error('no luck'); };`,
    ),
  );
  expect(thrown.message).toContain('Error: no luck');
  expect(thrown.detail.output).toEqual(['looking']);
  expect((await failure(moduleWith('nothing.ts', 'export const x = 1;'))).message).toContain('absent');
  expect((await failure(join(folder, 'nowhere.ts'))).message).toContain('nowhere.ts');
  expect((await failure(moduleWith('ends.ts', 'export default () => process.exit(3);'))).message).toContain(
    'exit code 3',
  );
  const endless = moduleWith('endless.ts', 'export default () => { for (;;); };');
  expect((await failure(endless, 3000)).message).toContain('none within 3 s');
}, 60_000);

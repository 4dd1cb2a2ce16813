import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { specNames as namesOfConfig } from '../config/load.ts';
import { completionScript, shells } from './completion.ts';
import { describedProgram } from './described-program.ts';
import { specNames } from './home.ts';
import { reference } from './reference.ts';

const program = describedProgram();

describe('the reference page', () => {
  test('is what the tree of commands says: bun src/cli/reference.ts > docs/cli.md', () => {
    const page = readFileSync(join(import.meta.dir, '../../docs/cli.md'), 'utf8');
    expect(page).toBe(reference(program));
  });

  test('has an example for every verb, in words that the tree takes', () => {
    for (const command of program.command.commands) {
      const uses = program.examples.get(command.name()) ?? [];
      expect([command.name(), uses.length > 0]).toEqual([command.name(), true]);
      const known = command.options.map(({ long }) => long);
      for (const [example] of uses) {
        expect(example).toStartWith(`cutover ${command.name()}`);
        for (const [option] of example.matchAll(/--[a-z][a-z0-9-]*/g)) expect(known).toContain(option);
      }
    }
  });
});

describe('completion', () => {
  test.each(shells.map((shell) => [shell]))('for %s has every verb and every option', (shell) => {
    const script = completionScript(program.command, shell);
    for (const command of program.command.commands) {
      expect(script).toContain(command.name());
      for (const { long } of command.options) expect(script).toContain((long ?? '').replace(/^--/, ''));
    }
  });

  test.each([
    ['cutover ro', 'rollback'],
    ['cutover --home /x sta', 'status'],
    ['cutover deploy --rel', '--release'],
    ['cutover switch gr', 'green'],
    ['cutover logs --environment b', 'blue'],
  ])('in bash completes %p to %p', async (typed, expected) => {
    const words = typed.split(' ');
    const quoted = words.map((word) => `'${word}'`).join(' ');
    const script = `${completionScript(program.command, 'bash')}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _cutover; echo "\${COMPREPLY[*]}"`;
    const child = Bun.spawn(['bash', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    expect((await child.stdout.text()).trim()).toBe(expected);
  });
});

test('a spec has the names that the loader knows', () => {
  expect([...specNames]).toEqual([...namesOfConfig]);
});

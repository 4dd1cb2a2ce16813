import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { checkSpecText, checkSpecValue } from './check-spec.ts';
import { formatProblem } from './problem.ts';
import { web, wrongSpecs, routerKeys } from './wrong-specs.ts';

describe('a wrong spec is told with line, column, path, what was expected and what was found', () => {
  for (const [name, text, lines] of wrongSpecs) {
    test(name, () => {
      const found = (checkSpecText(text).problems ?? []).map((problem) =>
        formatProblem('cutover.yaml', problem),
      );
      expect(found).toEqual(lines.map((line) => `cutover.yaml:${line}`));
    });
  }
});

test('a good spec is parsed, and kept as it was written', () => {
  const checked = checkSpecText(
    web('variables: { TIMES: 2, WORD: "2.0" }\nhealth: { http: {}, interval: 1s }'),
  );
  if (checked.problems) throw new Error('expected a good spec');
  expect(checked.spec.environments.layers['web']).toMatchObject({
    variables: { TIMES: '2', WORD: '2.0' },
    health: { http: { path: '/', status: '2xx' }, interval: 1000 },
    stop: { signal: 'SIGTERM', grace: 10_000 },
  });
  expect(checked.input.environments.layers['web']).toEqual({
    command: ['node', 'server.js'],
    variables: { TIMES: 2, WORD: '2.0' },
    health: { http: {}, interval: '1s' },
  });
});

test('anchors, aliases and merges work', () => {
  const checked = checkSpecText(
    web('instances: 2').replace('web:', 'web: &web') + '    worker: { <<: *web, instances: 3 }\n',
  );
  if (checked.problems) throw new Error('expected a good spec');
  expect(checked.spec.environments.layers['worker']).toMatchObject({
    command: ['node', 'server.js'],
    instances: 3,
  });
});

describe('whatever the text, the answer is a spec or problems', () => {
  const check = (text: string): void => {
    const { problems } = checkSpecText(text);
    for (const problem of problems ?? []) {
      expect(problem.position?.line).toBeGreaterThan(0);
      expect(formatProblem('f', problem)).not.toContain('\n');
    }
    expect(problems?.length).not.toBe(0);
  };
  test('any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string({ unit: fc.constantFrom(...'ab:-?[]{}&*!|>\'"%#,\n\t ~<') }),
        ),
        check,
      ),
    );
  });
  test('any data', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => check(stringify(value))));
  });
  test('a good spec with something else in any place', () => {
    const lines = web('health: { tcp: true }\nvariables: { A: 1 }').split('\n');
    const at = fc.nat(lines.length - 1);
    fc.assert(
      fc.property(at, fc.string(), fc.nat(40), (line, text, column) => {
        const changed = [...lines];
        const old = changed[line] ?? '';
        changed[line] = `${old.slice(0, column)}${text}${old.slice(column)}`;
        check(changed.join('\n'));
      }),
    );
  });
  for (const [what, text] of [
    ['brackets', '['.repeat(200_000)],
    ['dashes', '- '.repeat(100_000)],
    ['anchors', '&a '.repeat(80_000)],
    ['quotes', '"'.repeat(200_000)],
    ['keys', Array.from({ length: 20_000 }, (_, key) => `k${key}: 1`).join('\n')],
    ['more than fits', 'a'.repeat(300_000)],
  ] as const) {
    test(`also of a great many ${what}, in a few seconds`, () => check(text));
  }
});

describe('a value, as a module exports it', () => {
  const value = {
    service: 'shop',
    router: { listen: ':80' },
    environments: { layers: { web: { command: ['x'] } } },
  };
  const told = (changed: unknown): string[] =>
    (checkSpecValue(changed).problems ?? []).map((problem) => formatProblem('cutover.config.ts', problem));

  test('is told by its path, without a line', () => {
    expect(told({ ...value, keep: 5, router: { listen: ':80', perview: ':81' } })).toEqual([
      `cutover.config.ts: router.perview: expected one of the keys ${routerKeys}, found "perview"; did you mean preview?`,
      'cutover.config.ts: keep: expected a duration such as 500ms, 10s, 5m or 1h, found 5; did you mean 5ms or 5s?',
    ]);
  });
  test('is kept without what is undefined', () => {
    expect(checkSpecValue({ ...value, checks: undefined })).toMatchObject({ input: value });
  });
  test('has to be plain data', () => {
    const ring: Record<string, unknown> = { ...value };
    ring['checks'] = [ring];
    expect(told(ring)).toEqual([
      'cutover.config.ts: checks[0]: expected plain data, found a value that holds itself',
    ]);
    expect(told({ ...value, keep: () => '1h' })).toEqual([
      'cutover.config.ts: keep: expected plain data, found a function',
    ]);
    expect(told({ ...value, keep: new Date(0) })).toEqual([
      'cutover.config.ts: keep: expected plain data, found an object of a class',
    ]);
  });
  test('of any kind never throws', () => {
    fc.assert(
      fc.property(
        fc.anything({ withNullPrototype: true, withDate: true, withMap: true, withBigInt: true }),
        (any) => void checkSpecValue(any),
      ),
    );
  });
});

import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { parseAddress } from '../core/address.ts';
import { formatDuration, parseDuration } from '../core/duration.ts';
import { Spec } from '../core/spec.ts';
import { checkSpecText } from './check-spec.ts';
import { type JsonSchema, knownKeys, schemasAt, specJsonSchema } from './json-schema.ts';
import { exampleSpec } from './reference.ts';
import { wrongSpecs } from './wrong-specs.ts';

const schema = specJsonSchema();

/** Whether the schema accepts the value: as much of JSON Schema as ours uses; a keyword that is not known here is an error. */
function accepts(rules: JsonSchema, value: unknown): boolean {
  const length = typeof value === 'string' ? [...value].length : 0;
  const list = Array.isArray(value) ? (value as unknown[]) : undefined;
  const map =
    typeof value === 'object' && value !== null && !list ? (value as Record<string, unknown>) : undefined;
  const number = typeof value === 'number' ? value : undefined;
  const keyword: Readonly<Record<string, () => boolean>> = {
    type: () =>
      ({
        string: typeof value === 'string',
        number: Number.isFinite(value),
        integer: Number.isInteger(value),
        boolean: typeof value === 'boolean',
        array: list !== undefined,
        object: map !== undefined,
      })[String(rules.type)] === true,
    const: () => value === rules.const,
    enum: () => rules.enum?.includes(value) === true,
    pattern: () => typeof value !== 'string' || new RegExp(rules.pattern ?? '').test(value),
    minLength: () => typeof value !== 'string' || length >= Number(rules.minLength),
    maxLength: () => typeof value !== 'string' || length <= Number(rules.maxLength),
    minimum: () => number === undefined || number >= Number(rules.minimum),
    maximum: () => number === undefined || number <= Number(rules.maximum),
    minItems: () => !list || list.length >= Number(rules.minItems),
    maxItems: () => !list || list.length <= Number(rules.maxItems),
    items: () => !list || list.every((item) => accepts(rules.items ?? {}, item)),
    required: () => !map || (rules.required ?? []).every((key) => Object.hasOwn(map, key)),
    properties: () =>
      !map ||
      Object.entries(rules.properties ?? {}).every(
        ([key, rule]) => !Object.hasOwn(map, key) || accepts(rule, map[key]),
      ),
    additionalProperties: () =>
      !map ||
      Object.keys(map)
        .filter((key) => !Object.hasOwn(rules.properties ?? {}, key))
        .every(
          (key) =>
            rules.additionalProperties !== false && accepts(rules.additionalProperties ?? {}, map[key]),
        ),
    propertyNames: () =>
      !map || Object.keys(map).every((key) => accepts(rules['propertyNames'] as JsonSchema, key)),
    minProperties: () => !map || Object.keys(map).length >= Number(rules['minProperties']),
    anyOf: () => (rules.anyOf ?? []).some((rule) => accepts(rule, value)),
    oneOf: () => (rules['oneOf'] as JsonSchema[]).filter((rule) => accepts(rule, value)).length === 1,
  };
  const notes = ['$schema', '$id', 'title', 'description', 'default'];
  return Object.keys(rules)
    .filter((word) => !notes.includes(word))
    .every((word) => {
      const check = keyword[word];
      if (!check) throw new Error(`The schema uses ${word}, which this test does not know.`);
      return check();
    });
}

/** What only the loader knows of the analysis. */
const ofTheAnalysis =
  /expected each name once|(?:a part|a duration|a number)(?: such as \S+)? with |expected (?:limit|compare|every|limit or compare) with|expected one of \{\{|expected from 100ms|expected from 0.001%/;
/** What only the loader knows. */
const loaderAlone = new RegExp(
  [
    String.raw`differs from router\.listen`,
    'expected one of the layers',
    String.raw`expected each \w+ once`,
    String.raw`not one of router\.hosts`,
    'with protocol tcp',
    'expected header with by',
    'with sameSite none',
    'regular expression',
    'of at most 1[hdm]',
    'nothing keeps traffic from',
    'variables with a webhook',
    'expected names among',
    'in the clear',
    'with kind ',
    'with driver kernel',
    'an IANA time zone',
    'to be different times',
    'names in by as the gate counts',
    'in a gate with a command only',
    'a duration of a gate',
    'or unsafe: true',
    'only with driver: ',
    'since driver is host',
    'no hosts unless driver is host',
    'no ssh unless driver is host',
    'no ship unless driver is host',
    'expected no layer with active on hosts',
    'expected a host of blue or green',
    'expected an IP address such as',
    'each host once, in one environment',
    'expected fewer than the hosts of',
    String.raw`under one of router\.paths`,
  ].join('|'),
);

describe('the JSON Schema accepts what the loader accepts, and nothing else', () => {
  for (const [name, text, lines] of wrongSpecs) {
    let value: unknown;
    try {
      value = parse(text, { merge: true, logLevel: 'silent' });
    } catch {
      continue; // No YAML, so no value to judge.
    }
    // The form of the text (duplicate keys, quotes) is no matter of a schema.
    if (Spec.safeParse(value).success || value === null) continue;
    const expected = lines.every((line) => loaderAlone.test(line) || ofTheAnalysis.test(line));
    test(`${name}: ${expected ? 'only the loader can tell' : 'refused'}`, () => {
      expect(accepts(schema, value)).toBe(expected);
    });
  }

  test('the example of the reference page is accepted', () => {
    expect(accepts(schema, parse(exampleSpec))).toBe(true);
  });

  test('a value of any other kind in any place is judged alike by both', () => {
    const value = parse(exampleSpec) as Record<string, unknown>;
    const places: (string | number)[][] = [];
    const walk = (part: unknown, path: (string | number)[]): void => {
      if (path.length > 0) places.push(path);
      if (typeof part !== 'object' || part === null) return;
      for (const [key, inner] of Array.isArray(part) ? part.entries() : Object.entries(part))
        walk(inner, [...path, key]);
    };
    walk(value, []);
    const other = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        true,
        0,
        1,
        2.5,
        -1,
        65536,
        1e300,
        '',
        '0',
        '10s',
        'x',
        ':80',
        '/x',
        '2xx',
        [],
        {},
        ['a'],
        [['a']],
        { file: 'x' },
        { tcp: true },
        'auto',
      ),
      fc.string({ maxLength: 8 }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...places), other, (path, replacement) => {
        const copy = structuredClone(value);
        const last = path.at(-1) ?? '';
        const owner = path
          .slice(0, -1)
          .reduce<unknown>((part, key) => (part as Record<string | number, unknown>)[key], copy);
        (owner as Record<string | number, unknown>)[last] = replacement;
        const { problems } = checkSpecText(JSON.stringify(copy));
        const told =
          problems?.every(({ text }) => loaderAlone.test(text) || ofTheAnalysis.test(text)) ?? true;
        expect(accepts(schema, copy)).toBe(told);
      }),
      { numRuns: 400 },
    );
    // Two seconds of work, on a machine that may be busy with other things.
  }, 120_000);
});

test('it names itself and its draft, and has no host', () => {
  expect(schema).toMatchObject({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:cutover:spec',
    title: expect.stringContaining('cutover.yaml') as unknown,
  });
});

test('a default is written as a user would write it, and parses to the default', () => {
  const [layer] = schemasAt(schema, ['environments', 'layers', 'web']);
  expect(layer?.properties?.['stop']?.default).toEqual({ signal: 'SIGTERM', grace: '10s' });
  const bare = parse(
    'service: x\nrouter: { listen: ":1" }\nenvironments: { layers: { web: { command: [x] } } }',
  ) as Record<string, unknown>;
  const filled = { ...bare };
  for (const [key, { default: value }] of Object.entries(schema.properties ?? {}))
    if (value !== undefined) filled[key] = value;
  const parsed = Spec.parse(filled);
  expect(parsed).toEqual(Spec.parse(bare));
  for (const ms of [parsed.keep, parsed.strategy.drain, parsed.strategy.bake])
    expect(parseDuration(formatDuration(ms))).toBe(ms);
});

test('the pattern of an address says what the parser says', () => {
  const { pattern = '' } = schemasAt(schema, ['router', 'listen'])[0] ?? {};
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'0123456789:[]a.-_ '), maxLength: 12 }),
    fc
      .tuple(fc.constantFrom('', ':', 'host:', '[::1]:', '::1:'), fc.nat(99_999))
      .map(([host, port]) => `${host}${port}`),
  );
  fc.assert(
    fc.property(text, (address) =>
      expect(new RegExp(pattern).test(address)).toBe(parseAddress(address) !== undefined),
    ),
    { numRuns: 1000 },
  );
});

test('the keys that may stand at a place are told in the order of the schema', () => {
  expect(knownKeys(schema, ['environments', 'layers', 'any', 'stop'])).toEqual(['signal', 'grace']);
  expect(knownKeys(schema, ['checks', 3]).slice(0, 2)).toEqual(['name', 'http']);
  expect(knownKeys(schema, ['environments', 'variables'])).toEqual([]);
  expect(knownKeys(schema, ['nowhere', 0])).toEqual([]);
});

import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { rendered, templateFlaw } from './template.ts';

test('names are replaced by what they stand for, with or without spaces, and all else stays', () => {
  const facts = { service: 'shop', release: '3', error: '' };
  expect(rendered('{{service}}: {{ release }} {x} { {{error}}!', facts)).toBe('shop: 3 {x} { !');
});

test('values are escaped, what is written around them is not, and a name in a value stands for itself', () => {
  const facts = { by: '<{{service}}>', service: 'shop' };
  expect(rendered('<b>{{by}}</b>', facts, (value) => value.toUpperCase())).toBe('<b><{{SERVICE}}></b>');
});

test('a name that is not known is told with the one that was meant', () => {
  expect(templateFlaw('{{servce}}', ['service', 'release'])).toBe(
    'expected names among service, release, found {{servce}}; did you mean {{service}}?',
  );
  expect(templateFlaw('{{}}', ['service'])).toContain('found {{}}');
  for (const open of ['{{service', 'service}}', '{{ser{vice}}'])
    expect(templateFlaw(open, ['service'])).not.toBeNull();
  expect(templateFlaw('{{service}} and { }', ['service'])).toBeNull();
});

test('nothing of Object is a fact', () => {
  expect(rendered('{{constructor}}{{__proto__}}', {})).toBe('');
  expect(templateFlaw('{{constructor}}', ['service'])).not.toBeNull();
});

test('whatever the values, a template without a flaw leaves none of its names', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (value, around) => {
      const template = `${around.replaceAll(/[{}]/g, '')}{{a}}`;
      expect(templateFlaw(template, ['a'])).toBeNull();
      expect(rendered(template, { a: value })).toBe(template.replace('{{a}}', () => value));
    }),
  );
});

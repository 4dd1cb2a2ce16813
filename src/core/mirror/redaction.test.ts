import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { parseJson } from './json-difference.ts';
import { redacted, Redaction } from './redaction.ts';

const none = new Redaction({ headers: [], fields: [], patterns: [] });
const own = new Redaction({
  headers: ['X-Tenant'],
  fields: ['iban', '$.user.email', '$..address'],
  patterns: ['cust_[a-z0-9]+'],
});

test('credentials and cookies in headers are never shown', () => {
  for (const name of [
    ...['Authorization', 'cookie', 'Set-Cookie', 'Proxy-Authorization', 'X-Api-Key'],
    ...['x-auth-token', 'X-CSRF-Token', 'X-Amz-Security-Token', 'x-session-id'],
  ])
    expect([name, none.header(name, 'swordfish')]).toEqual([name, redacted]);
  expect(none.header('accept', 'text/html')).toBe('text/html');
  expect(own.header('x-tenant', 'acme')).toBe(redacted);
  expect(none.header('location', '/in?token=swordfish&page=2')).toBe('/in?token=[redacted]&page=2');
});

test('fields whose names speak of a secret are not shown, however deep', () => {
  const value = {
    user: { name: 'ada', passwordHash: 'swordfish', apiKey: 'swordfish' },
    tokens: ['swordfish'],
    list: [{ client_secret: 'swordfish', n: 1 }],
  };
  const shown = none.value([], value) ?? '';
  expect(shown).not.toContain('swordfish');
  expect(shown).toContain('ada');
  expect(none.value(['session', 'id'], 'swordfish')).toBe(redacted);
});

test('what looks like a secret is none to be shown wherever it stands', () => {
  for (const secret of [
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
    'Bearer abcdef123456',
    'sk_live_0123456789abcdef',
    'AKIAIOSFODNN7EXAMPLE',
    '4111 1111 1111 1111',
    '-----BEGIN PRIVATE KEY-----\nMIIE',
  ])
    expect(none.value(['note'], `see ${secret}`)).not.toContain(secret);
  expect(none.value(['card'], 4111111111111111)).not.toContain('4111111111111111');
});

test('the rules of a spec are kept in JSON, forms, lines, headers and targets', () => {
  expect(own.value(['user', 'email'], 'ada@shop.example')).toBe(redacted);
  expect(own.value([], { user: { email: 'ada@shop.example', n: 1 } })).toBe(
    '{"user":{"email":"[redacted]","n":1}}',
  );
  expect(own.value([], { a: [{ address: { street: 'x' } }] })).toBe('{"a":[{"address":"[redacted]"}]}');
  expect(own.value(['id'], 'cust_42abc')).toBe('"[redacted]"');
  expect(own.body('application/x-www-form-urlencoded', 'iban=DE1&n=1&password=x', parseJson)).toBe(
    'iban=[redacted]&n=1&password=[redacted]',
  );
  expect(own.body('application/json', '{"iban":"DE1","n":1}', parseJson)).toBe('{"iban":"[redacted]","n":1}');
  expect(own.line('<td>iban DE1</td>')).toBe(redacted);
  expect(own.target('/a/cust_42abc?iban=DE1')).toBe('/a/[redacted]?iban=[redacted]');
  expect(none.body('text/plain', 'swordfish', parseJson)).toBe('9 characters');
});

test('a line that speaks of a secret is left out as a whole', () => {
  expect(none.line('<input name="csrf_token" value="swordfish">')).toBe(redacted);
  expect(none.line('<h1>Welcome</h1>')).toBe('<h1>Welcome</h1>');
});

test('a secret in a secret field is in nothing that is shown, whatever is around it', () => {
  const secret = 'swordfish-77';
  const tree = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constant({ password: secret }),
      fc.constant('plain'),
      tie('map'),
      tie('list'),
    ),
    map: fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), tie('value'), { maxKeys: 4 }),
    list: fc.array(tie('value'), { maxLength: 4 }),
  })).value;
  fc.assert(
    fc.property(tree, (value) => {
      expect(none.value([], value) ?? '').not.toContain(secret);
    }),
  );
});

import { expect, test } from 'bun:test';
import { AccessLog, accessLogFields, routeAccessLog } from '../../core/access-log.ts';
import { Random } from '../../testing/load/random.ts';
import { Account } from './account.ts';
import { LogLine } from './log-line.ts';

const mostBytes = 4096;
const lineOf = (settings: object): LogLine =>
  new LogLine(
    routeAccessLog(AccessLog.parse({ stdout: true, ...settings }), (path) => path),
    mostBytes,
  );
const place = {
  service: 'shop',
  environment: 'blue',
  release: 1,
  mode: 'open',
  upstream: { tls: false, h2: false },
} as const;
const client = { address: '127.0.0.1', tls: null, multiplexed: false };
const accountOf = (head: Buffer): Account =>
  new Account({ closed: () => undefined }, place, client, head, Date.now(), 0, 0, -1, true, false);

test('whatever bytes a client sends, its line is one line of bounded length, and JSON or ASCII', () => {
  const json = lineOf({ fields: [...accessLogFields], requestHeaders: ['x-any', 'cookie'] });
  const combined = lineOf({ format: 'combined' });
  const random = new Random(7);
  const nasty = [
    '\r',
    '\n',
    '"',
    '\\',
    '\0',
    '\x1b[31m',
    '\x7f',
    '\xc2\x85',
    '\xe2\x80\xa8',
    '\xe2\x80\xae',
    '\xff',
    '%0a',
    ' ',
    '?',
    '&',
    '=',
    '…',
  ];
  for (let n = 0; n < 3000; n++) {
    const rubbish = (): string =>
      Array.from({ length: random.between(0, 12) }, () =>
        random.next() < 0.5 ? random.pick(nasty) : random.bytes(random.between(1, 400)).toString('latin1'),
      ).join('');
    const text = [
      `${rubbish()} /${rubbish()} HTTP/1.1`,
      `Host: ${rubbish()}`,
      `User-Agent: ${rubbish()}`,
      `Referer: ${rubbish()}`,
      `X-Any: ${rubbish()}`,
      'Cookie: secret=1',
      `${rubbish()}`,
      '',
    ].join('\r\n');
    const account = accountOf(Buffer.from(text, 'latin1'));
    for (const line of [json.of(account), combined.of(account)]) {
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(mostBytes);
      expect(line).toMatch(/^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]*\n$/);
      expect(line).not.toContain('secret=1');
    }
    expect(() => JSON.parse(json.of(account)) as unknown).not.toThrow();
    expect(combined.of(account)).toMatch(/^127\.0\.0\.1 - - \[[^\]]+\] "[^"]*" - \d+ "[^"]*" "[^"]*"\n$/);
  }
});

test('a header is found whatever the case of its name and whatever its name begins with', () => {
  const line = lineOf({ fields: ['status'], requestHeaders: ['_x', '9y', 'X-Any'] });
  const head = Buffer.from(
    'GET / HTTP/1.1\r\nhost: a\r\n_X: 1\r\n9Y: 2\r\nx-ANY: 3\r\nx-any-more: 4\r\n\r\n',
  );
  expect(line.of(accountOf(head))).toBe('{"status":null,"request":{"_x":"1","9y":"2","x-any":"3"}}\n');
});

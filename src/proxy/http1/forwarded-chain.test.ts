import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { Trust } from '../../core/trust.ts';
import { chainBytes, chainLines, clientOf } from './forwarded-chain.ts';
import { requestHeadLimits } from './limits.ts';
import { parseRequestHead, RequestHead } from './request-head.ts';

const trust = new Trust(['10.0.0.0/8', 'fd00::/8']);
const peer = '10.0.0.1';

function read(...fields: string[]) {
  const bytes = Buffer.from(
    ['GET / HTTP/1.1', 'Host: shop.example', ...fields, '', ''].join('\r\n'),
    'latin1',
  );
  const head = new RequestHead(requestHeadLimits);
  expect(parseRequestHead(bytes, 0, bytes.length, head, requestHeadLimits)).toBe(bytes.length);
  return {
    client: clientOf(bytes, head, trust, peer),
    lines: Buffer.from(chainLines(bytes, head, trust, peer, false, 'shop.example'))
      .toString('latin1')
      .split('\r\n')
      .slice(0, -2),
  };
}

describe('what a trusted proxy says of the client', () => {
  test('is taken and extended', () => {
    expect(
      read(
        'X-Forwarded-For: 203.0.113.7',
        'X-Forwarded-Proto: https',
        'X-Forwarded-Host: www.shop.example',
        'X-Forwarded-Port: 8443',
      ),
    ).toEqual({
      client: '203.0.113.7',
      lines: [
        'X-Forwarded-For: 203.0.113.7, 10.0.0.1',
        'X-Forwarded-Proto: https',
        'X-Forwarded-Host: www.shop.example',
        'X-Forwarded-Port: 8443',
        'Forwarded: for=203.0.113.7;host="www.shop.example";proto=https, for=10.0.0.1;host="shop.example";proto=http',
      ],
    });
  });
  test('is the last address that is not trusted: what that one said of itself is passed on, not believed', () => {
    expect(read('X-Forwarded-For: 1.1.1.1, 203.0.113.7', 'X-Forwarded-For: 10.9.9.9')).toMatchObject({
      client: '203.0.113.7',
      lines: { 0: 'X-Forwarded-For: 1.1.1.1, 203.0.113.7, 10.9.9.9, 10.0.0.1' },
    });
  });
  test('is the first of all if all are trusted', () => {
    expect(read('X-Forwarded-For: 10.7.7.7,10.8.8.8').client).toBe('10.7.7.7');
  });
  test('is the proxy itself if it says nothing', () => {
    expect(read()).toEqual({
      client: peer,
      lines: [
        'X-Forwarded-For: 10.0.0.1',
        'X-Forwarded-Proto: http',
        'X-Forwarded-Host: shop.example',
        'Forwarded: for=10.0.0.1;host="shop.example";proto=http',
      ],
    });
  });
  test('may have ports and brackets, and is written without', () => {
    expect(read('X-Forwarded-For: [2001:DB8::1]:443, 203.0.113.7:5000, [fd00::2]')).toMatchObject({
      client: '203.0.113.7',
      lines: {
        0: 'X-Forwarded-For: 2001:db8::1, 203.0.113.7, fd00::2, 10.0.0.1',
        3: 'Forwarded: for="[2001:db8::1]", for=203.0.113.7;host="shop.example";proto=http, for="[fd00::2]", for=10.0.0.1;host="shop.example";proto=http',
      },
    });
  });
  test.each(['unknown', '_hidden', '203.0.113.7 x', '1.2.3', '"', 'for=1.1.1.1'])(
    'ends at %p, which is no address',
    (element) => {
      expect(read(`X-Forwarded-For: 1.1.1.1, ${element}, 203.0.113.7, 10.2.2.2`)).toMatchObject({
        client: '203.0.113.7',
        lines: { 0: 'X-Forwarded-For: 203.0.113.7, 10.2.2.2, 10.0.0.1' },
      });
    },
  );
  test('may come as Forwarded', () => {
    expect(
      read('Forwarded: for="[2001:db8::1]:99";proto=HTTPS;host="www.shop.example";by=_x, For=10.3.3.3'),
    ).toEqual({
      client: '2001:db8::1',
      lines: [
        'X-Forwarded-For: 2001:db8::1, 10.3.3.3, 10.0.0.1',
        'X-Forwarded-Proto: https',
        'X-Forwarded-Host: www.shop.example',
        'Forwarded: for="[2001:db8::1]";host="www.shop.example";proto=https, for=10.3.3.3, for=10.0.0.1;host="shop.example";proto=http',
      ],
    });
  });
  test('is not in a Forwarded that is malformed', () => {
    for (const value of [
      'for=1.1.1.1;',
      'for="1.1.1.1',
      'for',
      'for=1.1.1.1,,for=2.2.2.2',
      'for = 1.1.1.1',
      ';',
      'for="a\\"',
    ])
      expect(read(`Forwarded: ${value}`).client).toBe(peer);
  });
  test('is what X-Forwarded-For says where Forwarded, which the proxy may not know, says something else', () => {
    const { client, lines } = read('Forwarded: for=1.1.1.1;proto=https', 'X-Forwarded-For: 203.0.113.7');
    expect(client).toBe('203.0.113.7');
    expect(lines.join()).not.toContain('1.1.1.1');
    expect(lines[1]).toBe('X-Forwarded-Proto: http');
  });
  test('is not said by an alias with an underscore', () => {
    expect(read('X_Forwarded_For: 1.1.1.1', 'X-Forwarded_For: 2.2.2.2').client).toBe(peer);
  });
  test('is not dropped because the Connection field names it (CVE-2024-45410)', () => {
    expect(read('X-Forwarded-For: 203.0.113.7', 'Connection: close, X-Forwarded-For').client).toBe(
      '203.0.113.7',
    );
  });
  test('takes the scheme and host of the client from lists as long as the way, else the last one', () => {
    expect(read('X-Forwarded-For: 203.0.113.7, 10.1.1.1', 'X-Forwarded-Proto: https, http').lines[1]).toBe(
      'X-Forwarded-Proto: https',
    );
    expect(read('X-Forwarded-For: 203.0.113.7', 'X-Forwarded-Proto: https, http').lines[1]).toBe(
      'X-Forwarded-Proto: http',
    );
  });
  test.each([
    'X-Forwarded-Proto: javascript',
    'X-Forwarded-Host: a"b',
    'X-Forwarded-Port: 1x',
    'X-Forwarded-Host: a b',
  ])('is passed over if it is no such thing: %s', (field) => {
    expect(read('X-Forwarded-For: 203.0.113.7', field).lines).toEqual(
      read('X-Forwarded-For: 203.0.113.7').lines,
    );
  });
  test('stays within its room and is one line each, whatever it is', () => {
    const value = fc.oneof(
      fc
        .array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant('10.0.0.9')), { maxLength: 200 })
        .map((all) => all.join(',')),
      fc
        .array(
          fc.constantFrom(
            'for=',
            'a',
            '"',
            '\\',
            ';',
            ',',
            ' ',
            '[',
            '::1',
            ']',
            '=',
            'proto',
            'host',
            '1.2.3.4',
            '\xff',
          ),
        )
        .map((all) => all.join('')),
    );
    const name = fc.constantFrom(
      'X-Forwarded-For',
      'Forwarded',
      'X-Forwarded-Host',
      'X-Forwarded-Proto',
      'X-Forwarded-Port',
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 4 }), (fields) => {
        const { lines } = read(...fields.map(([key, text]) => `${key}: ${text}`));
        expect(lines.join('\r\n').length).toBeLessThan(chainBytes);
        for (const line of lines)
          expect(line).toMatch(/^(?:X-Forwarded-(?:For|Proto|Host|Port)|Forwarded): [ -~]+$/);
      }),
      { numRuns: 500 },
    );
  });
});

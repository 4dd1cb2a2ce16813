import { expect, test } from 'bun:test';
import type { RouteTracing } from '../../core/tracing.ts';
import { answering, get, ok, Rig } from './rig.fixture.ts';

/** What the origin gets of a request with these fields, line by line. */
async function forwarded(tracing: RouteTracing | undefined, ...fields: string[]): Promise<string[]> {
  await using rig = await Rig.start();
  let head = '';
  const origin = rig.origin(
    answering((seen) => {
      head = seen;
      return ok('hi');
    }),
  );
  rig.route({ blue: [origin.address], tracing });
  const wire = await rig.connect();
  expect((await wire.send(get('/', ...fields)).response()).status).toBe(200);
  expect(head.endsWith('\r\n\r\n')).toBe(true);
  return head.split('\r\n').filter((line) => /^(x.request.id|trace)/i.test(line));
}

const ids: RouteTracing = { requestId: true, traceContext: false };
const traces: RouteTracing = { requestId: false, traceContext: true };
const both: RouteTracing = { requestId: true, traceContext: true };
const parent = 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const made = { id: /^X-Request-Id: [0-9a-f]{32}$/, parent: /^traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-02$/ };

test('with both off, nothing is added and nothing is looked at', async () => {
  const fields = ['X-Request-Id: "', 'traceparent: wrong', 'tracestate: a=b'];
  expect(await forwarded(undefined, ...fields)).toEqual(fields);
});

test.each(['a', 'x-request-id: 8f14e45f-ceea-467f'.slice(14), `${'a'.repeat(128)}`, 'req_1~2:3@h=+/.'])(
  'a request id that is well-formed is kept: %s',
  async (id) => {
    expect(await forwarded(ids, `x-request-id:  ${id}  `)).toEqual([`x-request-id:  ${id}  `]);
  },
);

const wrongIds: string[][] = [
  [],
  ['X-Request-Id:'],
  ['X-Request-Id: a b'],
  ['X-Request-Id: a"b'],
  [`X-Request-Id: ${'a'.repeat(129)}`],
];
test.each(wrongIds.map((fields) => [fields]))(
  'a request id that is missing or malformed is made: %p',
  async (fields) => {
    const found = await forwarded(ids, ...fields);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(made.id);
  },
);

test('of two request ids, also under another spelling, one stays', async () => {
  expect(await forwarded(ids, 'X-Request-Id: a', 'X_Request_Id: b')).toEqual(['X-Request-Id: a']);
});

test('a request id that the client names in Connection is not passed on, so one is made', async () => {
  const found = await forwarded(ids, 'X-Request-Id: a', 'Connection: x-request-id');
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(made.id);
});

test('a valid trace context is passed on untouched, with its state', async () => {
  expect(await forwarded(both, 'X-Request-Id: a', parent, 'tracestate: v=1,w=2')).toEqual([
    'X-Request-Id: a',
    parent,
    'tracestate: v=1,w=2',
  ]);
  const later = parent.replace(' 00', ' cc') + '-what-the-future-brings';
  expect(await forwarded(traces, later)).toEqual([later]);
});

const wrongParents: string[][] = [
  [parent.slice(0, -1)],
  [parent.replace(/01$/, '0G')],
  [parent.toUpperCase()],
  [parent.replace(' 00', ' ff')],
  [`${parent}-more`],
  [parent.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32))],
  [parent.replace('00f067aa0ba902b7', '0'.repeat(16))],
  [parent, parent],
];
test.each(wrongParents.map((fields) => [fields]))(
  'a trace context that is wrong is made anew, without the state of the old one: %p',
  async (fields) => {
    const found = await forwarded(traces, ...fields, 'tracestate: v=1');
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(made.parent);
  },
);

test('what is made for both is one id', async () => {
  const [id = '', trace = ''] = await forwarded(both);
  expect(id).toMatch(made.id);
  expect(trace).toMatch(made.parent);
  expect(trace.slice(16, 48)).toBe(id.slice(14));
});

test('requests on one connection get ids of their own, and a second attempt keeps that of the first', async () => {
  await using rig = await Rig.start();
  const seen: string[] = [];
  const origin = rig.origin(async (wire) => {
    for (;;) {
      await wire.until(() => wire.closed || wire.ended || wire.text.includes('\r\n\r\n'), 'request');
      if (wire.closed || wire.ended) return wire.close();
      seen.push(/X-Request-Id: (.*)\r/.exec(wire.take())?.[1] ?? 'none');
      // The connection that was used before is closed under the second request.
      if (seen.length === 2) return wire.close();
      wire.send(ok('hi'));
    }
  });
  rig.route({ blue: [origin.address], tracing: ids });
  const wire = await rig.connect();
  for (let n = 0; n < 3; n++) expect((await wire.send(get()).response()).status).toBe(200);
  expect(seen).toHaveLength(4);
  expect(seen[1]).toBe(seen[2] ?? '');
  expect(new Set(seen).size).toBe(3);
});

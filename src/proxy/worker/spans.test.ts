import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { answering, get, ok, Origin, Rig } from './rig.fixture.ts';

const nanos = z.string().regex(/^\d{19}$/);
const Value = z.union([
  z.strictObject({ stringValue: z.string() }),
  z.strictObject({ intValue: z.string().regex(/^-?\d+$/) }),
]);
const Attributes = z.array(z.strictObject({ key: z.string(), value: Value })).transform((list) => {
  const entries = list.map(({ key, value }) => [
    key,
    'intValue' in value ? Number(value.intValue) : value.stringValue,
  ]);
  if (new Set(entries.map(([key]) => key)).size !== entries.length)
    throw new Error('an attribute comes twice');
  return Object.fromEntries(entries) as Record<string, string | number>;
});
/** ExportTraceServiceRequest in the JSON of OTLP, as far as we use it; strict, so that a name that is wrong is seen. */
const Export = z.strictObject({
  resourceSpans: z
    .array(
      z.strictObject({
        resource: z.strictObject({ attributes: Attributes }),
        scopeSpans: z.array(
          z.strictObject({
            scope: z.strictObject({ name: z.string() }),
            spans: z.array(
              z.strictObject({
                traceId: z.string().regex(/^(?!0{32})[0-9a-f]{32}$/),
                spanId: z.string().regex(/^(?!0{16})[0-9a-f]{16}$/),
                parentSpanId: z
                  .string()
                  .regex(/^[0-9a-f]{16}$/)
                  .optional(),
                traceState: z.string().optional(),
                flags: z.int(),
                name: z.string(),
                kind: z.union([z.literal(2), z.literal(3)]),
                startTimeUnixNano: nanos,
                endTimeUnixNano: nanos,
                attributes: Attributes,
                status: z.strictObject({ code: z.literal(2).optional() }),
              }),
            ),
          }),
        ),
      }),
    )
    .length(1),
});
type Spans = z.infer<typeof Export>['resourceSpans'][number]['scopeSpans'][number]['spans'];

/** Takes what it is sent, or answers as it is told. */
class Collector {
  readonly spans: Spans = [];
  readonly headers: Headers[] = [];
  readonly paths: string[] = [];
  readonly resources: Record<string, string | number>[] = [];
  /** Statuses of the next answers; then 200. */
  answers: number[] = [];
  errors: unknown[] = [];
  private readonly server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      this.headers.push(request.headers);
      this.paths.push(new URL(request.url).pathname);
      const status = this.answers.shift() ?? 200;
      if (status !== 200) return new Response('no', { status });
      try {
        const { resourceSpans } = Export.parse(await request.json());
        for (const { resource, scopeSpans } of resourceSpans) {
          this.resources.push(resource.attributes);
          for (const { spans } of scopeSpans) this.spans.push(...spans);
        }
      } catch (error) {
        this.errors.push(error);
      }
      return Response.json({});
    },
  });
  get endpoint(): string {
    return `http://127.0.0.1:${this.server.port}`;
  }
  close(): Promise<void> {
    return this.server.stop(true);
  }
}

let collector: Collector;
beforeEach(() => {
  collector = new Collector();
});
afterEach(async () => {
  await collector.close();
  expect(collector.errors).toEqual([]);
});

const otlp = (more: { sample?: number; headersFile?: string } = {}) => ({
  requestId: false,
  traceContext: true,
  otlp: { endpoint: collector.endpoint, headersFile: null, sample: 1, serviceName: 'edge', ...more },
});
const told = (rig: Rig) => rig.plane.counters().get('shop')?.told;

test('a request has two spans, of which the instance hears, by the conventions for HTTP', async () => {
  await using rig = await Rig.start();
  let seen = '';
  const origin = rig.origin(
    answering((head) => {
      seen = head;
      return ok('x');
    }),
  );
  rig.route({ blue: [origin.address], release: 3, tracing: otlp() });
  const before = Date.now();
  await (await rig.connect()).send(get('/tea?token=1', 'User-Agent: kettle')).response();
  await rig.when(() => collector.spans.length === 2, 'two spans');
  const [server, client] = collector.spans;
  expect(collector.paths).toEqual(['/v1/traces']);
  expect(collector.headers[0]!.get('content-type')).toBe('application/json');
  expect(collector.resources).toMatchObject([{ 'service.name': 'edge' }]);
  expect(server).toMatchObject({
    name: 'GET',
    kind: 2,
    status: {},
    attributes: {
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'network.protocol.version': '1.1',
      'url.scheme': 'http',
      'url.path': '/tea',
      'server.address': 'shop.example',
      'client.address': '127.0.0.1',
      'user_agent.original': 'kettle',
      'cutover.service': 'shop',
      'cutover.environment': 'blue',
      'cutover.release': 3,
    },
  });
  expect(server).not.toHaveProperty('parentSpanId');
  expect(client).toMatchObject({
    traceId: server!.traceId,
    parentSpanId: server!.spanId,
    name: 'GET',
    kind: 3,
    status: {},
    attributes: {
      'server.address': '127.0.0.1',
      'server.port': origin.address.port,
      'url.full': `http://127.0.0.1:${origin.address.port}/tea`,
    },
  });
  expect(seen).toContain(`traceparent: 00-${server!.traceId}-${client!.spanId}-03\r\n`);
  const [from, start, end, to] = [
    BigInt(before) * 1_000_000n,
    BigInt(server!.startTimeUnixNano),
    BigInt(server!.endTimeUnixNano),
    BigInt(Date.now() + 1) * 1_000_000n,
  ];
  expect(from <= start && start < end && end <= to).toBe(true);
  expect(JSON.stringify(collector.spans)).not.toContain('token');
  await rig.when(() => told(rig)?.spans === 2, 'counted');
});

const parent = { trace: '4bf92f3577b34da6a3ce929d0e0e4736', span: '00f067aa0ba902b7' };
const parentField = (flags: string): string => `traceparent: 00-${parent.trace}-${parent.span}-${flags}`;

test('a request that belongs to a sampled trace goes on with it, whatever the share', async () => {
  await using rig = await Rig.start();
  let seen = '';
  const origin = rig.origin(
    answering((head) => {
      seen = head;
      return ok('x');
    }),
  );
  rig.route({ blue: [origin.address], tracing: otlp({ sample: 0 }) });
  const wire = await rig.connect();
  await wire.send(get('/', parentField('01'), 'tracestate: a=b')).response();
  await rig.when(() => collector.spans.length === 2, 'two spans');
  const [server, client] = collector.spans;
  expect(server).toMatchObject({ traceId: parent.trace, parentSpanId: parent.span, traceState: 'a=b' });
  expect(seen.match(/^trace.*$/gm)).toEqual([
    'tracestate: a=b',
    `traceparent: 00-${parent.trace}-${client!.spanId}-01`,
  ]);
  // One that is not sampled passes untouched; one that has no trace gets one that is not sampled.
  await wire.send(get('/', parentField('00'), 'tracestate: a=b')).response();
  expect(seen.match(/^trace.*$/gm)).toEqual([parentField('00'), 'tracestate: a=b']);
  await wire.send(get('/')).response();
  expect(seen).toMatch(/^traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-02$/m);
  // One that a client would have dropped on the way is not ours either.
  await wire.send(get('/', parentField('01'), 'Connection: traceparent')).response();
  expect(seen).toMatch(/^traceparent: 00-(?!4bf9)[0-9a-f]{32}-[0-9a-f]{16}-02$/m);
  await rig.plane.drain(100);
  expect(collector.spans).toHaveLength(2);
});

test('what fails is an error in both spans, and a request sent again says so', async () => {
  await using rig = await Rig.start();
  const nobody = new Origin(() => {});
  nobody.close();
  const seen: string[] = [];
  let times = 0;
  const moody = rig.origin(async (wire) => {
    for (;;) {
      await wire.until(() => wire.closed || wire.ended || wire.text.includes('\r\n\r\n'), 'request');
      if (wire.closed || wire.ended) return wire.close();
      seen.push(/^traceparent: (.*)\r$/m.exec(wire.take())?.[1] ?? '');
      // The connection that was used before is closed under the second request.
      if (++times === 2) return wire.close();
      wire.send(ok('x'));
    }
  });
  rig.route({ blue: [moody.address], tracing: otlp() });
  const wire = await rig.connect();
  await wire.send(get('/first')).response();
  await wire.send(get('/again')).response();
  rig.route({ blue: [nobody.address], tracing: otlp(), epoch: 2, release: 2 });
  expect((await wire.send(get('/nobody')).response()).status).toBe(502);
  await rig.when(() => collector.spans.length === 6, 'six spans');
  expect(seen).toHaveLength(3);
  expect(seen[1]).toBe(seen[2]!);
  expect(collector.spans[3]!.attributes).toMatchObject({ 'http.request.resend_count': 1 });
  expect(collector.spans[4]).toMatchObject({
    kind: 2,
    status: { code: 2 },
    attributes: { 'http.response.status_code': 502, 'error.type': 'connect-failed' },
  });
  expect(collector.spans[5]).toMatchObject({
    kind: 3,
    status: { code: 2 },
    attributes: { 'error.type': 'connect-failed' },
  });
});

test('a batch that the collector cannot take now is sent again; one that it never takes is dropped and counted', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'spans '));
  try {
    const headersFile = join(directory, 'headers');
    writeFileSync(headersFile, '# ours\nAuthorization: Bearer abc def\n\nX-Tenant:tea\n');
    await using rig = await Rig.with(answering(ok('x')));
    collector.answers = [503, 429, 200, 400];
    rig.route({ blue: [rig.origins[0]!.address], tracing: otlp({ headersFile }) });
    const wire = await rig.connect();
    await wire.send(get('/one')).response();
    await rig.when(() => told(rig)?.spans === 2, 'sent at last');
    expect(collector.headers).toHaveLength(3);
    for (const headers of collector.headers) {
      expect(headers.get('authorization')).toBe('Bearer abc def');
      expect(headers.get('x-tenant')).toBe('tea');
    }
    await wire.send(get('/two')).response();
    await rig.when(() => told(rig)?.spansDropped === 2, 'dropped');
    expect(collector.headers).toHaveLength(4);
    expect(collector.spans).toHaveLength(2);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}, 15_000);

test('while no collector answers, requests go on and what waits is bounded', async () => {
  await using rig = await Rig.with(answering(ok('x')));
  const gone = collector.endpoint;
  await collector.close();
  const { otlp: to, ...rest } = otlp();
  rig.route({ blue: [rig.origins[0]!.address], tracing: { ...rest, otlp: { ...to, endpoint: gone } } });
  const wire = await rig.connect();
  const many = 3000;
  for (let n = 0; n < many; n++) await wire.send(get('/')).response();
  expect(rig.side().status['2xx']).toBe(many);
  // 2048 wait, and 256 are on their way.
  await rig.when(() => (told(rig)?.spansDropped ?? 0) >= 2 * (many - 2048 - 256), 'dropped');
}, 30_000);

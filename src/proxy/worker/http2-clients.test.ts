import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RouteTls } from '../../core/traffic.ts';
import { curl, TestCertificates, tlsWith } from '../tls/certificates.fixture.ts';
import { Rig } from './rig.fixture.ts';

let files: TestCertificates;
let certificate: RouteTls['certificates'][number];
beforeAll(async () => {
  files = new TestCertificates();
  certificate = await files.make('shop', 'localhost');
});
afterAll(() => files[Symbol.dispose]());

const page = `<!doctype html><script type="module">
const told = { protocol: performance.getEntriesByType('navigation')[0].nextHopProtocol };
const texts = await Promise.all(Array.from({ length: 40 }, async (_, n) => (await fetch('/text?n=' + n)).text()));
told.texts = texts.filter((text, n) => text === 'n=' + n).length;
const blob = new Uint8Array(700000).fill(7);
told.echoed = (await (await fetch('/echo', { method: 'POST', body: blob })).arrayBuffer()).byteLength;
told.socket = await new Promise((resolve, reject) => {
  const socket = new WebSocket('wss://' + location.host + '/socket');
  socket.onopen = () => socket.send('hello');
  socket.onmessage = ({ data }) => { socket.close(); resolve(data); };
  socket.onerror = () => reject(new Error('no WebSocket'));
}).catch(String);
await fetch('/result', { method: 'POST', body: JSON.stringify(told) });
</script>`;

/** A service behind the rig as one would write it. */
class Service implements Disposable {
  readonly result = Promise.withResolvers<string>();
  /** The head of the handshake that a WebSocket came with. */
  handshake: Record<string, string> = {};
  private readonly server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request, server) => {
      const { pathname, search } = new URL(request.url);
      switch (pathname) {
        case '/page':
          return new Response(page, { headers: { 'content-type': 'text/html' } });
        case '/text':
          return new Response(search.slice(1));
        case '/echo':
          return new Response(request.body);
        case '/result':
          this.result.resolve(await request.text());
          return new Response(null, { status: 204 });
        case '/socket':
          this.handshake = Object.fromEntries(request.headers);
          return server.upgrade(request) ? undefined : new Response('no', { status: 400 });
        default:
          return new Response('hello');
      }
    },
    websocket: { message: (socket, text) => void socket.send(text) },
  });
  get address(): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.server.port! };
  }
  [Symbol.dispose](): void {
    void this.server.stop(true);
  }
}

async function start(service: Service, tls = true): Promise<Rig> {
  const rig = await Rig.start({}, tls ? tlsWith([certificate]) : undefined);
  rig.route({ blue: [service.address] });
  return rig;
}
async function run(...args: string[]): Promise<{ readonly code: number; readonly text: string }> {
  const ran = Bun.spawn(args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 });
  const [text, complaint, code] = await Promise.all([
    new Response(ran.stdout).text(),
    new Response(ran.stderr).text(),
    ran.exited,
  ]);
  return { code, text: text + complaint };
}
const hash = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

describe('curl', () => {
  const version = ['--write-out', ' %{http_version} %{response_code}'];
  test.each([
    ['over TLS', true, ['--http2']],
    ['by prior knowledge', false, ['--http2-prior-knowledge']],
  ])('asks and uploads %s', async (_, secure, how) => {
    using service = new Service();
    await using rig = await start(service, secure);
    const url = `${secure ? 'https' : 'http'}://localhost:${rig.address.port}`;
    const trust = secure ? ['--cacert', certificate.cert] : [];
    const got = await curl(...how, ...trust, '--ipv4', ...version, `${url}/text?a`);
    expect(got).toMatchObject({ code: 0, text: 'a 2 200' });
    const body = files.path('body');
    const bytes = new Uint8Array(3_000_000).map((_, n) => n * 31 + (n >> 8));
    writeFileSync(body, bytes);
    const echoed = files.path('echoed');
    for (const upload of [
      ['--data-binary', `@${body}`],
      ['--header', 'Transfer-Encoding: chunked', '--data-binary', `@${body}`],
    ]) {
      const sent = await curl(
        ...how,
        ...trust,
        '--ipv4',
        ...version,
        '--output',
        echoed,
        ...upload,
        `${url}/echo`,
      );
      expect(sent).toMatchObject({ code: 0, text: ' 2 200' });
      expect(hash(await Bun.file(echoed).bytes())).toBe(hash(bytes));
    }
  });
  test('speaks HTTP/1.1 on the same address where it does not offer HTTP/2', async () => {
    using service = new Service();
    await using rig = await start(service);
    const url = `https://localhost:${rig.address.port}/text?a`;
    for (const how of ['--http1.1', '--no-alpn'])
      expect(await curl(how, '--cacert', certificate.cert, '--ipv4', ...version, url)).toMatchObject({
        code: 0,
        text: 'a 1.1 200',
      });
  });
});

const h2load = Bun.which('h2load');
test.skipIf(h2load === null)(
  'h2load loses no request over 20 switches, with and without TLS',
  async () => {
    for (const secure of [true, false]) {
      using blue = new Service();
      using green = new Service();
      await using rig = await start(blue, secure);
      const url = `${secure ? 'https' : 'http'}://127.0.0.1:${rig.address.port}/`;
      const loading = run(h2load!, '-n', '12000', '-c', '8', '-m', '32', '-t', '1', url);
      let requests = 0;
      for (let epoch = 2; epoch < 22; epoch++) {
        await rig.when(
          () => rig.side('blue').requests + rig.side('green').requests > requests + 200,
          'progress',
        );
        requests = rig.side('blue').requests + rig.side('green').requests;
        rig.plane.hold();
        await rig.when(() => rig.plane.waiting > 0, 'held');
        rig.route({
          blue: [blue.address],
          green: [green.address],
          live: epoch % 2 === 0 ? 'green' : 'blue',
          epoch,
        });
        rig.plane.release();
      }
      const { code, text } = await loading;
      expect(code).toBe(0);
      expect(text).toContain('12000 succeeded, 0 failed, 0 errored, 0 timeout');
      expect(rig.side('green').requests).toBeGreaterThan(500);
      expect(rig.failures('blue') + rig.failures('green')).toBe(0);
    }
  },
  60_000,
);

const node = Bun.which('node');
test.skipIf(node === null)(
  'the client of Node gets a hundred responses at a time, large bodies, and trailers',
  async () => {
    using service = new Service();
    await using rig = await start(service, false);
    const { code, text } = await run(
      node!,
      '--input-type=module',
      '--eval',
      `import { connect } from 'node:http2';
     const session = connect('http://127.0.0.1:${rig.address.port}');
     const ask = (headers, body) => new Promise((resolve, reject) => {
       const stream = session.request(headers, { endStream: body === undefined });
       const parts = [];
       let status;
       stream.on('response', (head) => { status = head[':status']; });
       stream.on('data', (part) => parts.push(part));
       stream.on('end', () => resolve({ status, length: Buffer.concat(parts).length }));
       stream.on('error', reject);
       if (body !== undefined) stream.end(body);
     });
     const many = await Promise.all(Array.from({ length: 300 }, (_, n) => ask({ ':path': '/text?' + n })));
     const echo = await Promise.all([1, 2, 3].map(() => ask({ ':path': '/echo', ':method': 'POST' }, Buffer.alloc(2000000))));
     console.log(JSON.stringify({ many: many.filter(({ status }) => status === 200).length, echo: echo.map(({ length }) => length) }));
     session.close();`,
    );
    expect(text.trim()).toBe('{"many":300,"echo":[2000000,2000000,2000000]}');
    expect(code).toBe(0);
  },
  30_000,
);

const chromium = Bun.which('chromium');
test.skipIf(chromium === null)(
  'Chromium loads a page, uploads, and opens a WebSocket on the same connection',
  async () => {
    using service = new Service();
    await using rig = await start(service);
    const profile = mkdtempSync(join(tmpdir(), 'cutover chromium '));
    const browser = Bun.spawn(
      [
        chromium!,
        ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
        ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
        ...['--disable-dev-shm-usage', '--ignore-certificate-errors', `--user-data-dir=${profile}`],
        ...['--remote-debugging-port=0', `https://127.0.0.1:${rig.address.port}/page`],
      ],
      { stdio: ['ignore', 'ignore', 'ignore'] },
    );
    try {
      const result: unknown = JSON.parse(await service.result.promise);
      expect(result).toEqual({ protocol: 'h2', texts: 40, echoed: 700_000, socket: 'hello' });
      // It came by extended CONNECT: our key, not the browser's, and no connection of its own.
      expect(service.handshake['x-forwarded-proto']).toBe('https');
      await rig.when(() => rig.side().upgrades === 1, 'upgraded');
    } finally {
      browser.kill();
      await browser.exited;
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    }
  },
  60_000,
);

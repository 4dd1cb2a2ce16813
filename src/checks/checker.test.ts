import { afterEach, describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../clocks/system.ts';
import { Check } from '../core/spec/check.ts';
import { createChecker } from './index.ts';
import { renderRequest } from './http.ts';

const checker = createChecker({ clock: systemClock });
const probe = (check: Record<string, unknown>) => Check.parse(check);
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A server that does with each connection whatever it is told. */
async function listen(onConnection: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const at = server.address();
  if (at === null || typeof at === 'string') return expect.unreachable();
  return { host: '127.0.0.1', port: at.port };
}

/** Answers the first bytes of each connection with this. */
const answering = (text: string) => listen((socket) => socket.once('data', () => socket.end(text)));

async function closedPort() {
  const address = await listen(() => undefined);
  await ends.pop()?.();
  return address;
}

const at = (address: { host: string; port: number }) => ({ address, variables: {}, directory: tmpdir() });
const run = (
  check: Record<string, unknown>,
  address: { host: string; port: number },
  timeoutMs = 2000,
  signal?: AbortSignal,
) => checker.run(probe(check), at(address), timeoutMs, signal);

/** Keeps writing as fast as the other side reads. */
function pour(socket: Socket, text: string): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(text));
  };
  socket.on('drain', more);
  more();
}

describe('an http check', () => {
  test('is good when the status is the expected one', async () => {
    const address = await answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    const { ok, detail, ms } = await run({ http: { path: '/health' } }, address);
    expect(ok).toBe(true);
    expect(detail).toMatch(/^GET \/health: 200 after [\d.]+ms$/);
    expect(ms).toBeGreaterThan(0);
  });

  test('says which status it expected and which it found, and follows no redirect', async () => {
    const busy = await answering('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n');
    expect((await run({ http: { path: '/health' } }, busy)).detail).toMatch(
      /^GET \/health: expected status 2xx, found 503 after /,
    );
    const moved = await answering('HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n');
    expect((await run({ http: {} }, moved)).detail).toContain('found 302');
    expect((await run({ http: { status: '200-399' } }, moved)).ok).toBe(true);
  });

  test('looks for text in the body, at most in its first MiB', async () => {
    const chunked = await answering(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nrea\r\n2\r\ndy\r\n0\r\n\r\n',
    );
    expect((await run({ http: { contains: 'ready' } }, chunked)).ok).toBe(true);
    expect((await run({ http: { contains: 'steady' } }, chunked)).detail).toBe(
      'GET /: expected a body that contains "steady", found 5 bytes without it',
    );
    const endless = await listen((socket) =>
      socket.once('data', () => pour(socket, `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(60_000)}`)),
    );
    expect((await run({ http: { contains: 'ready' } }, endless)).detail).toContain(
      'found the first 1048576 bytes without it',
    );
  });

  test('says that the connection was refused, and where', async () => {
    const address = await closedPort();
    const { ok, detail } = await run({ http: { path: '/health' } }, address);
    expect({ ok, detail }).toEqual({
      ok: false,
      detail: `GET /health: connection refused at 127.0.0.1:${address.port}`,
    });
  });

  test('says when the target closes without an answer, or speaks another protocol', async () => {
    expect(
      (await run({ http: {} }, await listen((socket) => socket.once('data', () => socket.end())))).detail,
    ).toContain('no answer');
    expect((await run({ http: {} }, await answering('220 mail ready\r\n'))).detail).toContain('not HTTP/1.1');
    expect(
      (await run({ http: {} }, await listen((socket) => socket.once('data', () => socket.resetAndDestroy()))))
        .ok,
    ).toBe(false);
  });

  const hostile: [string, (socket: Socket) => unknown][] = [
    ['accepts and never answers', () => undefined],
    ['drips its head', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\nX: ', 'x')],
    ['drips its body', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\n\r\n', 'x')],
    [
      'drips a chunk size',
      (socket) => drip(socket, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '0'),
    ],
    [
      'stops in the middle of its body',
      (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'),
    ],
    [
      'pours headers without end',
      (socket) => pour(socket, `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(60_000)}\r\n`),
    ],
    [
      'pours interim responses without end',
      (socket) => pour(socket, 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(500)),
    ],
  ];
  function drip(socket: Socket, head: string, text: string): void {
    socket.write(head);
    const timer = setInterval(() => (socket.destroyed ? clearInterval(timer) : socket.write(text)), 10);
    socket.on('close', () => clearInterval(timer));
  }
  test.each(hostile)('ends within its time when the target %s', async (_, act) => {
    const address = await listen((socket) => socket.once('data', () => void act(socket)));
    const began = performance.now();
    const { ok, detail } = await run({ http: { contains: 'ready' } }, address, 150);
    expect(ok).toBe(false);
    expect(detail).toMatch(/answer within 150ms|a head of more than/);
    expect(performance.now() - began).toBeLessThan(2000);
  });

  test('ends at once when it is aborted, before or while it runs', async () => {
    const abort = new AbortController();
    const address = await listen((socket) => socket.once('data', () => abort.abort()));
    expect((await run({ http: {} }, address, 60_000, abort.signal)).detail).toBe(
      'GET /: stopped before an answer came',
    );
    expect((await run({ http: {} }, address, 60_000, abort.signal)).ok).toBe(false);
  });

  test('leaves no connection open', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const address = await listen((socket) => {
      socket.on('close', () => resolve());
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n'));
    });
    expect((await run({ http: {} }, address)).ok).toBe(true);
    await promise;
  });

  test('asks no proxy of the environment', async () => {
    const kept = process.env['http_proxy'];
    process.env['http_proxy'] = 'http://127.0.0.1:1';
    try {
      expect((await run({ http: {} }, await answering('HTTP/1.1 204 No Content\r\n\r\n'))).ok).toBe(true);
    } finally {
      if (kept === undefined) delete process.env['http_proxy'];
      else process.env['http_proxy'] = kept;
    }
  });
});

describe('the request of an http check', () => {
  const render = (http: Record<string, unknown>) => {
    const { http: parsed } = probe({ http });
    return parsed ? renderRequest(parsed, { host: '::1', port: 80 }) : expect.unreachable();
  };

  test('names the address as its host unless another is given', () => {
    expect(render({ path: '/a?b=c' })).toStartWith('GET /a?b=c HTTP/1.1\r\nHost: [::1]:80\r\n');
    expect(render({ headers: { host: 'shop.example', Authorization: 'x' } })).toMatch(
      /^GET \/ HTTP\/1.1\r\n(?!.*Host: \[)/s,
    );
    expect(render({ headers: { host: 'shop.example' } })).toContain('\r\nhost: shop.example\r\n');
  });

  test('is one request, whatever the path and the headers hold', () => {
    expect(render({ path: '/ü x\r\nX: y' })).toStartWith('GET /%C3%BC%20x%0D%0AX:%20y HTTP/1.1\r\n');
    const post = render({
      method: 'POST',
      headers: { 'content-length': '99', 'Transfer-Encoding': 'chunked', connection: 'keep-alive' },
    });
    expect(post.match(/content-length: .*/gi)).toEqual(['Content-Length: 0']);
    expect(post).not.toMatch(/chunked|keep-alive/);
    expect(post).toEndWith('\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
});

describe('a tcp check', () => {
  test('is good when the address accepts a connection', async () => {
    const address = await listen(() => undefined);
    const { ok, detail } = await run({ tcp: true }, address);
    expect(ok).toBe(true);
    expect(detail).toContain(`127.0.0.1:${address.port} accepted a connection after`);
  });

  test('says that the connection was refused, and where', async () => {
    const address = await closedPort();
    expect(await run({ tcp: true }, address)).toMatchObject({
      ok: false,
      detail: `connection refused at 127.0.0.1:${address.port}`,
    });
  });
});

/** Whether the process runs; one that has ended and that its new parent has not looked at yet does not. */
function alive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 2000; !condition(); await Bun.sleep(5)) {
    if (performance.now() > deadline) expect.unreachable('the condition never came about');
  }
}

describe('a command check', () => {
  const directory = (): string => {
    const made = mkdtempSync(join(tmpdir(), 'cutover check '));
    ends.push(() => rmSync(made, { recursive: true, force: true }));
    return made;
  };
  const command = (
    argv: string[],
    {
      timeoutMs = 5000,
      signal,
      variables = {},
      folder = directory(),
    }: { timeoutMs?: number; signal?: AbortSignal; variables?: Record<string, string>; folder?: string } = {},
  ) =>
    checker.run(
      probe({ command: argv }),
      { address: { host: '127.0.0.1', port: 1 }, variables, directory: folder },
      timeoutMs,
      signal,
    );
  const sh = (script: string, options = {}) => command(['sh', '-c', script], options);

  test('is good when it exits with 0, and keeps what it wrote', async () => {
    const { ok, detail, output } = await sh('echo one; echo two >&2');
    expect(ok).toBe(true);
    expect(detail).toStartWith('sh: exit code 0 after ');
    expect([...(output ?? [])].sort()).toEqual(['one', 'two']);
  });

  test('says how it ended otherwise', async () => {
    expect((await sh('exit 3')).detail).toMatch(/^sh: expected exit code 0, found exit code 3 after /);
    expect((await sh('kill -SEGV $$')).detail).toContain('found signal SIGSEGV');
  });

  test('runs in the release, with its variables and nothing secret of the controller’s', async () => {
    process.env['CUTOVER_TEST_SECRET'] = 'hush';
    ends.push(() => delete process.env['CUTOVER_TEST_SECRET']);
    const folder = directory();
    writeFileSync(
      join(folder, 'check.sh'),
      '#!/bin/sh\npwd; echo "$PORT $1"; env; read line || echo no input\n',
    );
    chmodSync(join(folder, 'check.sh'), 0o755);
    const { ok, output } = await command(['./check.sh', '$HOME; *'], {
      folder,
      variables: { PORT: '21001' },
    });
    expect(ok).toBe(true);
    expect(output).toContain(folder);
    expect(output).toContain('21001 $HOME; *');
    expect(output).toContain('no input');
    expect(output?.join()).not.toContain('hush');
  });

  test('names a program that is not there, that may not be run, and a folder that is gone', async () => {
    expect((await command(['no-such-program'])).detail).toBe(
      'no-such-program: program not found: no-such-program on the PATH',
    );
    const folder = directory();
    expect((await command(['./check.sh'], { folder })).detail).toBe(
      `./check.sh: program not found: ./check.sh in ${folder}`,
    );
    writeFileSync(join(folder, 'check.sh'), 'true', { mode: 0o644 });
    expect((await command(['./check.sh'], { folder })).detail).toContain('program not executable');
    expect((await command(['true'], { folder: join(folder, 'gone') })).detail).toContain('does not exist');
  });

  test('keeps the end of much output, without what would move a terminal’s cursor', async () => {
    const { output } = await sh(
      'i=0; while [ $i -lt 3000 ]; do echo "line $i of many"; i=$((i+1)); done; printf "\\033[31mred\\033[0m\\a\\tend\\n"',
    );
    expect(output?.length).toBe(40);
    expect(output?.slice(-2)).toEqual(['line 2999 of many', 'red\tend']);
    const endless = await sh('head -c 3000000 /dev/zero | tr "\\0" x');
    expect(endless.output?.join('').length).toBe(65_536);
  });

  test('is ended when its time is over, with all that it started, even if they do not heed the signal', async () => {
    const began = performance.now();
    const { ok, detail, output } = await sh(
      'trap "" TERM; sleep 300 & echo $!; echo $$; (trap "" TERM; sleep 300) & wait; sleep 300',
      { timeoutMs: 300 },
    );
    expect(performance.now() - began).toBeLessThan(2500);
    expect({ ok, detail }).toEqual({
      ok: false,
      detail: 'sh: expected it to end within 300ms, found it still running',
    });
    expect(output?.length).toBe(2);
    for (const pid of output ?? []) await until(() => !alive(Number(pid)));
  });

  test('may clean up when it is asked to end', async () => {
    const folder = directory();
    const abort = new AbortController();
    const script = 'trap "echo cleaned; exit 1" TERM; touch begun; while :; do sleep 0.01; done';
    const result = sh(script, { folder, signal: abort.signal, timeoutMs: 60_000 });
    await until(() => existsSync(join(folder, 'begun')));
    abort.abort();
    expect((await result).output?.at(-1)).toBe('cleaned');
  });

  test('is ended when it is aborted', async () => {
    const folder = directory();
    const abort = new AbortController();
    const result = sh('echo $$ > pid.new; mv pid.new pid; sleep 300', {
      folder,
      signal: abort.signal,
      timeoutMs: 60_000,
    });
    const pid = (): number => {
      try {
        return Number(readFileSync(join(folder, 'pid'), 'utf8'));
      } catch {
        return 0;
      }
    };
    await until(() => pid() > 0);
    abort.abort();
    expect((await result).detail).toMatch(/^sh: stopped after /);
    await until(() => !alive(pid()));
    expect((await sh('true', { signal: abort.signal })).detail).toBe('sh: stopped before it began');
  });

  test('leaves nothing in the background when it ends by itself, and does not wait for it', async () => {
    const { ok, output } = await sh('sleep 300 & echo $!');
    expect(ok).toBe(true);
    await until(() => !alive(Number(output?.[0])));
  });

  test('ends although a process that left its group holds its output open', async () => {
    if (Bun.which('setsid') === null) return expect(process.platform).not.toBe('linux');
    const { ok, output, ms } = await sh(
      'setsid sh -c "echo \\$\\$; touch begun; exec sleep 300" & while [ ! -e begun ]; do sleep 0.01; done',
    );
    expect(ok).toBe(true);
    expect(ms).toBeLessThan(2000);
    process.kill(Number(output?.[0]), 'SIGKILL');
  });
});

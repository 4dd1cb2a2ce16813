import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { Client, credentials, Metadata, type ServiceError, status, type StatusObject } from '@grpc/grpc-js';
import { type Address, formatAddress } from '../../src/core/address.ts';
import type { Colour } from '../../src/core/colour.ts';
import type { Route } from '../../src/core/traffic.ts';
import { echoService } from '../fixtures/grpc-echo-service.ts';
import { ProxyFixture, routeTo, until } from '../fixtures/proxy.ts';

setDefaultTimeout(30_000);

/** `grpc-echo.ts` in a process of its own. */
class Echo {
  readonly lines: string[] = [];
  private constructor(readonly child: Bun.Subprocess<'ignore', 'pipe', 'inherit'>) {}

  static async start(...words: string[]): Promise<Echo> {
    const program = join(import.meta.dir, '../fixtures/grpc-echo.ts');
    const echo = new Echo(
      Bun.spawn([process.execPath, program, ...words], { stdio: ['ignore', 'pipe', 'inherit'] }),
    );
    void (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of echo.child.stdout)
        echo.lines.push(...decoder.decode(chunk, { stream: true }).split('\n').filter(Boolean));
    })();
    await until('a port', () => echo.lines.length > 0);
    return echo;
  }
  get address(): Address {
    return { host: '127.0.0.1', port: Number(this.lines[0]?.split(' ')[1]) };
  }
  async end(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.child.exited;
  }
}

let proxy: ProxyFixture;
let blue: Echo;
let green: Echo;
let client: Client;
let epoch = 0;

const upstream = { protocol: 'h2', tls: null } as const;
async function put(live: Colour, more: Partial<Route> = {}): Promise<Route> {
  const route = routeTo('echo', ++epoch, live, blue.address, green.address);
  await proxy.router.apply({
    ...route,
    blue: { ...route.blue, upstream },
    green: { ...route.green, upstream },
    ...more,
  });
  const applied = await proxy.router.read('echo');
  if (!applied) throw new Error('no route');
  return applied;
}

beforeAll(async () => {
  proxy = await ProxyFixture.start(2);
  blue = await Echo.start('blue');
  green = await Echo.start('green');
  const { listen } = await put('blue');
  client = new Client(formatAddress(listen), credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await proxy.close();
  await blue.end();
  await green.end();
});
beforeEach(async () => {
  await put('blue');
});

const { unary: one, serverStream, clientStream, bidi } = echoService;
interface Answered {
  readonly value: string | undefined;
  readonly error: ServiceError | null;
  readonly status: StatusObject;
}
async function unary(message: string, metadata = new Metadata(), deadlineMs = 20_000): Promise<Answered> {
  const answer = Promise.withResolvers<Omit<Answered, 'status'>>();
  const ended = Promise.withResolvers<StatusObject>();
  const call = client.makeUnaryRequest(
    one.path,
    one.requestSerialize,
    one.responseDeserialize,
    message,
    metadata,
    { deadline: Date.now() + deadlineMs },
    (error, value) => answer.resolve({ error, value }),
  );
  call.on('status', ended.resolve);
  return { ...(await answer.promise), status: await ended.promise };
}
const openBidi = () => {
  const call = client.makeBidiStreamRequest(bidi.path, bidi.requestSerialize, bidi.responseDeserialize);
  const heard: string[] = [];
  const ended = Promise.withResolvers<StatusObject>();
  call.on('data', (message: string) => heard.push(message));
  call.on('error', () => undefined);
  call.on('status', ended.resolve);
  return { call, heard, ended: ended.promise };
};
async function inFlight(): Promise<number> {
  const counters = await proxy.router.counters('echo');
  return counters.blue.inFlight + counters.green.inFlight;
}

describe('the four kinds of calls go through', () => {
  test('unary, with metadata before and after the message', async () => {
    const answered = await unary('hello');
    expect(answered.value).toBe('blue: hello');
    expect(answered.status.code).toBe(status.OK);
    expect(answered.status.metadata.get('x-served-by')).toEqual(['blue']);
  });
  test('with an error of the service, its message and its metadata', async () => {
    const { error } = await unary('fail');
    expect(error?.code).toBe(status.FAILED_PRECONDITION);
    expect(error?.details).toBe('not today: ä');
    expect(error?.metadata.get('x-served-by')).toEqual(['blue']);
  });
  test('with a message of three megabytes both ways', async () => {
    const message = 'x'.repeat(3_000_000);
    expect((await unary(message)).value === `blue: ${message}`).toBeTrue();
  });
  test('a method that is not there is UNIMPLEMENTED', async () => {
    const ended = Promise.withResolvers<number | undefined>();
    client.makeUnaryRequest('/echo.Echo/None', one.requestSerialize, one.responseDeserialize, 'x', (error) =>
      ended.resolve(error?.code),
    );
    expect(await ended.promise).toBe(status.UNIMPLEMENTED);
  });
  test('a stream of the server, at the pace of its reader', async () => {
    const call = client.makeServerStreamRequest(
      serverStream.path,
      serverStream.requestSerialize,
      serverStream.responseDeserialize,
      '20000',
    );
    let count = 0;
    for await (const message of call) {
      expect(message).toBe(`blue ${count}`);
      count++;
    }
    expect(count).toBe(20_000);
  });
  test('a stream of the client', async () => {
    const ended = Promise.withResolvers<string | undefined>();
    const call = client.makeClientStreamRequest(
      clientStream.path,
      clientStream.requestSerialize,
      clientStream.responseDeserialize,
      (error, value) => (error ? ended.reject(error) : ended.resolve(value)),
    );
    for (let n = 0; n < 500; n++)
      if (!call.write('x'.repeat(10_000)))
        await new Promise<void>((resolve) => call.once('drain', () => resolve()));
    call.end();
    expect(await ended.promise).toBe('blue 5000000');
  });
  test('both at once, each message when it comes', async () => {
    const { call, heard, ended } = openBidi();
    for (let n = 0; n < 50; n++) {
      call.write(`${n}`);
      await until('an echo', () => heard.length === n + 1);
    }
    call.end();
    expect((await ended).code).toBe(status.OK);
    expect(heard[49]).toBe('blue 49');
  });
});

describe('what ends a call early', () => {
  test('a service that has had enough of a stream: its status reaches the client, which has not ended', async () => {
    const ended = Promise.withResolvers<ServiceError | null>();
    const call = client.makeClientStreamRequest(
      clientStream.path,
      clientStream.requestSerialize,
      clientStream.responseDeserialize,
      (error) => ended.resolve(error),
    );
    call.write('one');
    call.write('too much');
    expect((await ended.promise)?.code).toBe(status.RESOURCE_EXHAUSTED);
    await until('nothing in flight', async () => (await inFlight()) === 0);
  });
  test('a deadline: the client gives up, and the instance hears of it', async () => {
    const before = blue.lines.length;
    const { error } = await unary('slow', new Metadata(), 300);
    expect(error?.code).toBe(status.DEADLINE_EXCEEDED);
    await until('cancelled', () => blue.lines.length > before);
    await until('nothing in flight', async () => (await inFlight()) === 0);
  });
  test('a client that cancels: its instance is told', async () => {
    const { call, heard, ended } = openBidi();
    call.write('begun');
    await until('an echo', () => heard.length === 1);
    call.cancel();
    expect((await ended).code).toBe(status.CANCELLED);
    await until('told', () => blue.lines.includes('cancelled bidi'));
    await until('nothing in flight', async () => (await inFlight()) === 0);
    expect((await unary('after')).value).toBe('blue: after');
  });
  test('an instance that dies: what it had begun is UNAVAILABLE or broken off, never taken for whole', async () => {
    const mortal = await Echo.start('mortal');
    await put('blue', { blue: { release: 1, instances: [mortal.address], upstream } });
    const { call, heard, ended } = openBidi();
    call.write('begun');
    await until('an echo', () => heard.length === 1);
    await mortal.end();
    expect((await ended).code).not.toBe(status.OK);
    expect((await unary('nobody')).error?.code).toBe(status.UNAVAILABLE);
  });
});

test('a switch from blue to green and back under load fails no call, and streams that were begun go on', async () => {
  const { call, heard, ended } = openBidi();
  call.write('before');
  await until('an echo', () => heard.length === 1);
  let running = true;
  const answers: Answered[] = [];
  const callers = Array.from({ length: 16 }, async (_, n) => {
    while (running) answers.push(await unary(`${n}`));
  });
  const counted = (colour: string): number => answers.filter(({ value }) => value?.startsWith(colour)).length;
  for (const colour of ['green', 'blue', 'green'] as const) {
    const before = answers.length;
    await put(colour);
    // What begins after the switch has returned goes to the new side.
    expect((await unary('now')).value).toBe(`${colour}: now`);
    await until('more calls', () => answers.length > before + 200, 20_000);
  }
  running = false;
  await Promise.all(callers);
  expect(answers.filter(({ error }) => error !== null)).toEqual([]);
  expect(counted('blue')).toBeGreaterThan(100);
  expect(counted('green')).toBeGreaterThan(100);
  call.write('after');
  await until('an echo', () => heard.length === 2);
  expect(heard).toEqual(['blue before', 'blue after']);
  call.end();
  expect((await ended).code).toBe(status.OK);
  const counters = await proxy.router.counters('echo');
  expect(counters.green.failed).toEqual({});
});

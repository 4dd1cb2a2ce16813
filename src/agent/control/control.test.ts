import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../clocks/system.ts';
import { CutoverError } from '../../core/errors.ts';
import type { EnvironmentRef, InstanceStatus } from '../../ports/platform.ts';
import { AgentPlatform } from '../../platforms/host/agent-platform.ts';
import { Enrollments } from '../../platforms/host/enrollment.ts';
import { Nothing } from '../../platforms/host/protocol.ts';
import { createProcessPlatform, type ProcessPlatform } from '../../platforms/process/platform.ts';
import { removeSealed } from '../../platforms/process/sealed-tree.ts';
import { suiteEnvironments, suiteLayers, testRelease } from '../../testing/platform-release.ts';
import { codeOf, platformSuite, until } from '../../testing/platform.suite.ts';
import { Host } from '../../testing/agent-host.ts';

const fixtures = join(import.meta.dirname, '../../../test/fixtures/platform');
const source = { kind: 'directory', path: fixtures } as const;
const blue: EnvironmentRef = { service: 'shop', colour: 'blue' };

let root: string;
const makeRoot = (): string => (root = mkdtempSync(join(tmpdir(), 'cutover host ')));

platformSuite('host, by an agent', async () => {
  makeRoot();
  const home = join(root, 'controller');
  mkdirSync(home);
  let host = await Host.open(join(root, 'host'));
  const enrollments = new Enrollments(home);
  await enrollments.enroll('web1', host.listening.address, host.token());
  const workshop = (): ProcessPlatform => createProcessPlatform({ home, clock: systemClock });
  let own = workshop();
  const harness = {
    platform: new AgentPlatform(enrollments.client('web1'), own),
    release: (number: number) =>
      testRelease(number, source, suiteLayers(['./idle.sh']), { environments: suiteEnvironments }),
    broken: (number: number) =>
      testRelease(number, { kind: 'directory', path: join(root, 'absent') }, suiteLayers(['./idle.sh'])),
    /** Both go, the agent and the controller. */
    async reopen() {
      await own.close();
      const { address } = host.listening;
      await host.close();
      host = await Host.open(join(root, 'host'), address);
      own = workshop();
      harness.platform = new AgentPlatform(new Enrollments(home).client('web1'), own);
    },
    crash: (_: EnvironmentRef, { pid }: InstanceStatus) => {
      if (pid === null) throw new Error('it does not run');
      process.kill(pid, 'SIGKILL');
    },
    async close() {
      for (const colour of ['blue', 'green'] as const) await host.platform.stop({ service: 'shop', colour });
      await host.close();
      await own.close();
      await removeSealed(root);
    },
  };
  return harness;
});

describe('an agent that takes orders', () => {
  let host: Host;
  let own: ProcessPlatform;
  let enrollments: Enrollments;
  beforeEach(async () => {
    makeRoot();
    mkdirSync(join(root, 'controller'));
    host = await Host.open(join(root, 'host'));
    own = createProcessPlatform({ home: join(root, 'controller'), clock: systemClock });
    enrollments = new Enrollments(join(root, 'controller'));
  });
  afterEach(async () => {
    await host.platform.stop(blue);
    await host.close();
    await own.close();
    await removeSealed(root);
  });
  const enroll = async (): Promise<AgentPlatform> => {
    await enrollments.enroll('web1', host.listening.address, host.token());
    return new AgentPlatform(enrollments.client('web1'), own);
  };
  const failure = async (promise: Promise<unknown>): Promise<CutoverError> => {
    const found = await promise.catch((error: unknown) => error);
    if (found instanceof CutoverError) return found;
    throw found instanceof Error ? found : new Error('it did not fail');
  };

  test('lets in who has a token, once, also when two come at the same time', async () => {
    const token = host.token();
    const both = await Promise.allSettled(
      ['one', 'two'].map((name) => enrollments.enroll(name, host.listening.address, token)),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await failure(enrollments.enroll('three', host.listening.address, token))).code).toBe(
      'agent-refused',
    );
    expect(enrollments.names()).toHaveLength(1);
  });

  test('does not take a token whose time is over, or that nobody made', async () => {
    const late = host.token(host.invitations.invite(Date.now() - 1, 0));
    const error = await failure(enrollments.enroll('web1', host.listening.address, late));
    expect([error.code, error.message]).toEqual([
      'agent-refused',
      expect.stringContaining('whose time is over') as string,
    ]);
    const made = host.token('x'.repeat(32));
    expect((await failure(enrollments.enroll('web1', host.listening.address, made))).code).toBe(
      'agent-refused',
    );
    expect(enrollments.names()).toEqual([]);
  });

  test('gets no secret from a controller if it is not the one that made the token', async () => {
    const other = await Host.open(join(root, 'other'));
    try {
      const token = host.token();
      const error = await failure(enrollments.enroll('web1', other.listening.address, token));
      expect([error.code, error.message]).toEqual([
        'agent-refused',
        expect.stringContaining('found another') as string,
      ]);
      // It was not used up by that.
      await enrollments.enroll('web1', host.listening.address, token);
      // Nor is an agent taken for another one later.
      const place = join(root, 'controller/hosts/web1/place.json');
      writeFileSync(place, JSON.stringify({ address: other.listening.address }));
      const astray = await failure(new AgentPlatform(enrollments.client('web1'), own).inspect(blue));
      expect([astray.code, astray.message]).toEqual([
        'agent-absent',
        expect.stringContaining('certificate') as string,
      ]);
    } finally {
      await other.close();
    }
  });

  test('obeys nobody without a certificate of its own, whatever is asked', async () => {
    const ask = (name: string, tls: object): Promise<Response> =>
      fetch(`https://127.0.0.1:${host.listening.address.port}/v1/${name}`, {
        method: 'POST',
        body: '{}',
        tls: { rejectUnauthorized: false, ...tls },
      });
    const stranger = await Host.open(join(root, 'stranger'));
    const { own: theirs } = stranger.authority;
    await stranger.close();
    const names = [
      'hello',
      'place',
      'ship',
      'start',
      'stop',
      'inspect',
      'listening',
      'logs',
      'prune',
      'renew',
    ];
    for (const name of [...names, 'content/00000000-0000-4000-8000-000000000000'])
      for (const tls of [{}, { cert: theirs.certificate, key: theirs.key }]) {
        const answer = await ask(name, tls);
        expect([name, answer.status, await answer.json()]).toEqual([
          name,
          403,
          { error: expect.objectContaining({ code: 'agent-refused' }) as unknown },
        ]);
      }
  });

  test('gives a new certificate before the old one ends, and the old one holds until then', async () => {
    const platform = await enroll();
    const day = 24 * 3_600_000;
    const at = join(root, 'controller/hosts/web1/controller.pem');
    const before = readFileSync(at, 'utf8');
    expect(await enrollments.renewIfDue('web1', Date.now() + 200 * day)).toBe(false);
    expect(readFileSync(at, 'utf8')).toBe(before);
    expect(await enrollments.renewIfDue('web1', Date.now() + 250 * day)).toBe(true);
    expect(readFileSync(at, 'utf8')).not.toBe(before);
    expect(await platform.inspect(blue)).toEqual([]);
    expect(await new AgentPlatform(enrollments.client('web1'), own).inspect(blue)).toEqual([]);
  });

  test('keeps no secret where others can read it, and none in clear that lets somebody in', async () => {
    const token = host.token();
    const seen: string[] = [];
    const walk = (folder: string): void => {
      for (const each of readdirSync(folder, { withFileTypes: true })) {
        const path = join(folder, each.name);
        if (each.isDirectory()) {
          expect([path, statSync(path).mode & 0o077]).toEqual([path, 0]);
          walk(path);
        } else {
          expect([path, statSync(path).mode & 0o077]).toEqual([path, 0]);
          seen.push(readFileSync(path, 'utf8'), each.name);
        }
      }
    };
    chmodSync(join(root, 'host/agent'), 0o700);
    walk(join(root, 'host/agent'));
    expect(seen.some((text) => text.includes(token.secret))).toBe(false);
    await enrollments.enroll('web1', host.listening.address, token);
    walk(join(root, 'controller/hosts'));
  });

  test('is known again after a restart, with the certificates that were given out', async () => {
    const platform = await enroll();
    const { address } = host.listening;
    await host.close();
    host = await Host.open(join(root, 'host'), address);
    expect(await platform.inspect(blue)).toEqual([]);
  });

  test('runs what was built here, byte by byte, and takes nothing else for it', async () => {
    const platform = await enroll();
    const folder = join(root, 'app');
    cpSync(fixtures, folder, { recursive: true });
    mkdirSync(join(folder, 'empty'));
    const release = testRelease(1, { kind: 'directory', path: folder }, suiteLayers(['./idle.sh']), {
      release: { build: [['sh', '-c', 'echo built > made; chmod 755 made; ln -s made link']] },
    });
    const shipped = await platform.ship('shop', release);
    const there = await host.platform.find('shop', 1);
    expect(there).toMatchObject({ digest: shipped.digest, files: shipped.files });
    expect(there?.directory).not.toBe(shipped.directory);
    expect(readFileSync(join(there?.directory ?? '', 'link'), 'utf8')).toBe('built\n');
    // Another controller's release of that number.
    const strange = createProcessPlatform({ home: join(root, 'second'), clock: systemClock });
    const second = new AgentPlatform(enrollments.client('web1'), strange);
    writeFileSync(join(folder, 'more'), 'x');
    expect((await failure(second.ship('shop', release))).code).toBe('checksum-mismatch');
    await strange.close();
  });

  test('gives instances their secrets, which are read here and recorded nowhere', async () => {
    const platform = await enroll();
    writeFileSync(join(root, 'password'), 'hunter2-hunter2\n');
    const release = testRelease(1, source, {
      web: {
        command: ['sh', '-c', 'echo "password is $PASSWORD at $HOST"; exec ./idle.sh'],
        variables: { PASSWORD: { file: join(root, 'password') } },
      },
    });
    await platform.ship('shop', release);
    const placement = await platform.place(blue, release, null);
    await platform.start(blue, release, placement);
    await until(async () => {
      const { lines } = await platform.logs(blue, { lines: 20 });
      return lines.some(({ text }) => text === 'password is hunter2-hunter2 at 127.0.0.1');
    }, 'the program to say what it got');
    const record = readFileSync(join(root, 'host/environments/shop/blue/run.json'), 'utf8');
    expect(record).not.toContain('hunter2');
    expect(record).not.toContain(root + '/password');
    const secrets = join(root, 'host/agent/secrets/shop/1');
    expect(readdirSync(secrets).map((name) => statSync(join(secrets, name)).mode & 0o777)).toEqual([0o600]);
    await platform.stop(blue);
    await platform.prune('shop', []);
    expect(existsSync(secrets)).toBe(false);
  });

  test('has nothing left of what did not come whole', async () => {
    const platform = await enroll();
    const release = testRelease(1, source, suiteLayers(['./idle.sh']));
    const made = await own.ship('shop', release);
    const wrong = { ...made, digest: 'f'.repeat(64) };
    expect((await failure(platform.send('shop', release, wrong))).code).toBe('checksum-mismatch');
    expect(readdirSync(join(root, 'host/agent/incoming'))).toEqual([]);
  });

  test('says what is wrong with an order, and what to do', async () => {
    await enroll();
    const client = enrollments.client('web1');
    for (const [name, order, says] of [
      ['inspect', { environment: { service: '../x', colour: 'blue' } }, 'found at environment.service'],
      ['inspect', { environment: { service: 'shop', colour: 'red' } }, 'found at environment.colour'],
      [
        'place',
        { environment: blue, release: { number: 1, version: 'v', spec: {} }, previous: null },
        'found at',
      ],
      ['reboot', {}, 'expected an order of protocol 1, found reboot'],
    ] as const) {
      const error = await failure(client.call(name, order, Nothing));
      expect([name, error.code, error.message]).toEqual([
        name,
        'request-invalid',
        expect.stringContaining(says) as string,
      ]);
      expect(error.message).toStartWith('web1: ');
    }
  });

  test('is not held up by who says nothing, or speaks no TLS', async () => {
    const sockets = Array.from({ length: 20 }, () => connect(host.listening.address.port, '127.0.0.1'));
    for (const [n, socket] of sockets.entries()) {
      socket.on('error', () => undefined);
      if (n % 2 === 0) socket.write('GET / HTTP/1.1\r\n\r\n');
    }
    const platform = await enroll();
    expect(await platform.inspect(blue)).toEqual([]);
    for (const socket of sockets) socket.destroy();
  });

  test('that is gone is named, with its address', async () => {
    const platform = await enroll();
    await host.close();
    const error = await failure(platform.inspect(blue));
    expect([error.code, error.message]).toEqual([
      'agent-absent',
      expect.stringContaining(
        `host web1 (127.0.0.1:${host.listening.address.port}): expected an agent`,
      ) as string,
    ]);
    expect(await codeOf(platform.stop(blue))).toBe('agent-absent');
    host = await Host.open(join(root, 'host'), host.listening.address);
  });
});

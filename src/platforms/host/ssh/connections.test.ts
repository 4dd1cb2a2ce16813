import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CutoverError } from '../../../core/errors.ts';
import { makeKey, publicKey, runTool, SshServer } from '../../../testing/ssh-server.ts';
import { Connections } from './connections.ts';
import { runThere } from './far-command.ts';
import type { SshWay } from './way.ts';

let root: string;
let server: SshServer;
let key: string;
let connections: Connections;
const known = (): string => join(root, 'known_hosts');

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'cutover ssh '));
  key = makeKey(join(root, 'id'));
  server = await SshServer.open(join(root, 'server'), [key]);
  writeFileSync(known(), await server.known());
  connections = new Connections();
});
afterEach(async () => {
  await connections.close();
  await server.stop();
  rmSync(root, { recursive: true });
});

const hop = ({ host, port, user }: SshServer, more: object = {}): SshWay['hops'][number] => ({
  ...{ host, port, user, key, passphraseFile: null },
  ...more,
});
const way = (more: Partial<SshWay> = {}): SshWay => ({
  ...{ hops: [hop(server)], agent: null, knownHosts: known(), connectMs: 5_000 },
  ...{ home: '.cutover/host', program: null, address: null },
  ...more,
});
/** What a program there says, or with which error it was not run. */
async function says(to: SshWay, words = ['echo', 'here']): Promise<string> {
  try {
    return (await runThere(await connections.to('web1', to), words)).output;
  } catch (error) {
    if (!(error instanceof CutoverError)) throw error;
    return `${error.code}: ${error.message}; next: ${error.options.next ?? ''}`;
  }
}

describe('who logs in', () => {
  test.each(['ed25519', 'rsa', 'ecdsa'])('shows a key of %p', async (type) => {
    const other = makeKey(join(root, type), '', type);
    await server.authorize([other]);
    expect(await says(way({ hops: [hop(server, { key: other })] }))).toBe('here\n');
  });

  test('shows a key whose passphrase is in a file, and says what is wrong with another', async () => {
    const locked = makeKey(join(root, 'locked'), 'open it, please');
    await server.authorize([locked]);
    const passphraseFile = join(root, 'passphrase');
    writeFileSync(passphraseFile, 'open it, please\n', { mode: 0o600 });
    const to = way({ hops: [hop(server, { key: locked, passphraseFile })] });
    expect(await says(to)).toBe('here\n');
    await connections.close();
    writeFileSync(passphraseFile, 'another\n');
    expect(await says(to)).toStartWith('ssh-refused: host web1');
    expect(await says(way({ hops: [hop(server, { key: locked })] }))).toContain('passphrase');
  });

  test('may have the key in an SSH agent', async () => {
    const socket = join(root, 'agent.sock');
    const agent = Bun.spawn(['ssh-agent', '-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      // It says where it listens once it does.
      await agent.stdout.getReader().read();
      const { exitCode } = Bun.spawnSync(['ssh-add', '-q', key], {
        env: { ...process.env, SSH_AUTH_SOCK: socket },
      });
      expect(exitCode).toBe(0);
      expect(await says(way({ agent: socket, hops: [hop(server, { key: null })] }))).toBe('here\n');
      expect(await says(way({ agent: join(root, 'none'), hops: [hop(server, { key: null })] }))).toStartWith(
        'ssh-refused: host web1',
      );
    } finally {
      agent.kill();
      await agent.exited;
    }
  });

  test('is told when the host does not know the key, and when others could read it', async () => {
    const other = makeKey(join(root, 'other'));
    expect(await says(way({ hops: [hop(server, { key: other })] }))).toMatch(
      /^ssh-refused: host web1 .*expected to be let in with .*other.*authorized_keys/,
    );
    chmodSync(key, 0o644);
    expect(await says(way())).toMatch(/^ssh-refused: .*mode 0644; next: chmod 600/);
    expect(await says(way({ hops: [hop(server, { key: join(root, 'absent') })] }))).toStartWith(
      'ssh-refused',
    );
  });
});

describe('a host', () => {
  test('that is not known is refused with the line that makes it known', async () => {
    writeFileSync(known(), '');
    const refused = await says(way());
    const fingerprint = runTool('ssh-keygen', '-l', '-f', server.key).split(' ')[1] ?? 'none';
    expect(refused).toStartWith('host-key-refused: host web1');
    expect(refused).toContain(fingerprint);
    const [, line = ''] = /add this line to [^:]*: (.*)$/.exec(refused) ?? [];
    appendFileSync(known(), `${line}\n`);
    expect(await says(way())).toBe('here\n');
  });

  test('that nobody has ever written down is refused like that too', async () => {
    expect(await says(way({ knownHosts: join(root, 'absent') }))).toStartWith('host-key-refused');
  });

  test('whose key has changed, or is revoked, is refused', async () => {
    const other = makeKey(join(root, 'other'));
    const name = `[${server.host}]:${server.port}`;
    writeFileSync(known(), `${name} ${await publicKey(other)}`);
    expect(await says(way())).toMatch(/^host-key-refused: .*expected the key that .* has for it/);
    // Also when what is known is of another type.
    writeFileSync(known(), `${name} ${await publicKey(makeKey(join(root, 'rsa'), '', 'rsa'))}`);
    expect(await says(way())).toStartWith('host-key-refused');
    writeFileSync(known(), `${await server.known()}@revoked * ${await publicKey(server.key)}`);
    expect(await says(way())).toMatch(/^host-key-refused: .*not revoked/);
  });

  test('is known by a hashed name', async () => {
    runTool('ssh-keygen', '-q', '-H', '-f', known());
    expect(readFileSync(known(), 'utf8')).toStartWith('|1|');
    expect(await says(way())).toBe('here\n');
  });

  test('that does not answer is absent: nobody listens, or somebody who says nothing', async () => {
    const silent = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
    try {
      const hops = [hop(server, { port: silent.port })];
      expect(await says(way({ hops, connectMs: 200 }))).toStartWith('agent-absent: host web1');
    } finally {
      silent.stop(true);
    }
    await server.stop();
    expect(await says(way())).toStartWith('agent-absent: host web1');
    await server.start();
    expect(await says(way())).toBe('here\n');
  });

  test('that goes away ends what is waited for, and is connected to anew when it is back', async () => {
    const connection = await connections.to('web1', way());
    const running = runThere(connection, ['sh', '-c', 'echo "$$" >running; exec sleep 60']).catch(
      (error: unknown) => error,
    );
    while (!(await Bun.file(join(server.home, 'running')).exists())) await Bun.sleep(5);
    await server.stop();
    expect(await running).toMatchObject({ code: 'agent-absent' });
    const left = Number(readFileSync(join(server.home, 'running'), 'utf8'));
    if (left > 0) process.kill(left, 'SIGKILL');
    await server.start();
    expect(await says(way())).toBe('here\n');
  });

  test('is reached over others, each with a key that is known', async () => {
    const inner = await SshServer.open(join(root, 'inner'), [key]);
    const second = await SshServer.open(join(root, 'second'), [key]);
    try {
      const hops = [hop(server), hop(second), hop(inner)];
      expect(await says(way({ hops }))).toMatch(/^host-key-refused: host web1, on the way at /);
      appendFileSync(known(), await second.known());
      expect(await says(way({ hops }))).toMatch(/^host-key-refused: host web1 \(/);
      appendFileSync(known(), await inner.known());
      expect(await says(way({ hops }), ['pwd'])).toBe(`${inner.home}\n`);
      await inner.stop();
      expect(await says(way({ hops }))).toStartWith('agent-absent');
      await second.stop();
      expect(await says(way({ hops }))).toStartWith('agent-absent');
    } finally {
      await connections.close();
      await inner.stop();
      await second.stop();
    }
  });
});

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { loginName } from '../platforms/host/ssh/login-name.ts';
import { shellLine } from '../platforms/host/ssh/shell-words.ts';

/** What sshd and its tools are called where they are installed. */
const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

export function runTool(...words: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(words, { env: { ...process.env, PATH: path } });
  if (exitCode !== 0) throw new Error(`${words.join(' ')}: ${stderr.toString()}`);
  return stdout.toString();
}

/** A new key pair; returns the file of the private one. */
export function makeKey(file: string, passphrase = '', type = 'ed25519'): string {
  runTool('ssh-keygen', '-q', '-t', type, '-N', passphrase, '-C', 'a test', '-f', file);
  return file;
}

export const publicKey = (file: string): Promise<string> => Bun.file(`${file}.pub`).text();

async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof bound === 'object' && bound ? bound.port : 0;
}

/**
 * A host, as far as one machine can have several: OpenSSH's sshd with its own key, its own authorized keys and its own home for whoever logs in. It lets nobody
 * in by a password.
 */
export class SshServer {
  #child: Bun.Subprocess | undefined;

  private constructor(
    readonly folder: string,
    readonly port: number,
    /** The file of its key. */
    readonly key: string,
    /** More lines of its configuration. */
    private readonly more: string,
    private readonly prefix: readonly string[],
    readonly host: string,
  ) {}

  readonly user = loginName();

  /** The home of whoever logs in. */
  get home(): string {
    return join(this.folder, 'home');
  }

  static async open(
    folder: string,
    authorized: readonly string[],
    {
      more = '',
      prefix = [],
      host = '127.0.0.1',
      port,
    }: {
      readonly more?: string;
      /** What it is started by, such as to be in another network. */
      readonly prefix?: readonly string[];
      readonly host?: string;
      readonly port?: number;
    } = {},
  ): Promise<SshServer> {
    mkdirSync(join(folder, 'home'), { recursive: true });
    const server = new SshServer(
      folder,
      port ?? (await freePort(host)),
      makeKey(join(folder, 'host_key')),
      more,
      prefix,
      host,
    );
    await server.authorize(authorized);
    await server.start();
    return server;
  }

  /** The files of private keys whose public ones are let in, and no others. */
  async authorize(keys: readonly string[]): Promise<void> {
    writeFileSync(join(this.folder, 'authorized'), (await Promise.all(keys.map(publicKey))).join(''));
  }

  /** Its line in a file of known hosts. */
  async known(name = this.port === 22 ? this.host : `[${this.host}]:${this.port}`): Promise<string> {
    return `${name} ${await publicKey(this.key)}`;
  }

  async start(): Promise<void> {
    const { folder, port, home, key, more, host, prefix } = this;
    const inner = join(folder, 'login.sh');
    // The home of the user is the machine's; that of a host is its own.
    writeFileSync(
      inner,
      `#!/bin/sh\nHOME=${shellLine([home])}; export HOME; cd "$HOME" || exit 1\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n`,
    );
    chmodSync(inner, 0o755);
    const config = join(folder, 'sshd_config');
    writeFileSync(
      config,
      [
        `Port ${port}`,
        `ListenAddress ${host}`,
        `HostKey "${key}"`,
        `AuthorizedKeysFile "${join(folder, 'authorized')}"`,
        `PidFile "${join(folder, 'pid')}"`,
        ...['PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'UsePAM no', 'StrictModes no'],
        `ForceCommand "${inner}"`,
        more,
        '',
      ].join('\n'),
    );
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const sshd = Bun.which('sshd', { PATH: path });
    if (sshd === null) throw new Error('sshd is not installed');
    const child = Bun.spawn([...prefix, sshd, '-D', '-f', config, '-E', join(folder, 'log')], {
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    this.#child = child;
    const answers = (): Promise<boolean> =>
      prefix.length > 0
        ? Bun.file(join(folder, 'log'))
            .text()
            .then(
              (text) => text.includes(`listening on ${host}`),
              () => false,
            )
        : new Promise((resolve) => {
            const socket = connect(port, host);
            socket.once('data', () => resolve(true));
            socket.once('error', () => resolve(false));
            socket.once('close', () => resolve(false));
            socket.once('data', () => socket.destroy());
          });
    while (!(await answers())) {
      if (child.exitCode !== null)
        throw new Error(`sshd ended: ${await Bun.file(join(folder, 'log')).text()}`);
      await Bun.sleep(5);
    }
  }

  /** Ends it, and every session that it has. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    for (const pid of sessionsOf(child.pid)) kill(pid);
    child.kill('SIGKILL');
    await child.exited;
  }
}

/** The processes of sshd below one: each session has one or two. */
function sessionsOf(parent: number): number[] {
  const table = runTool('ps', '-e', '-o', 'pid=,ppid=,comm=')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const below = (pid: number): number[] =>
    table.flatMap(([child, of, name]) =>
      Number(of) === pid && name?.startsWith('sshd') ? [Number(child), ...below(Number(child))] : [],
    );
  return below(parent);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

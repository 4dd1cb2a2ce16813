import { lookup } from 'node:dns/promises';
import type { Readable } from 'node:stream';
import type { z } from 'zod';
import { CutoverError, errorRecord } from '../../../core/errors.ts';
import { isIpAddress } from '../../../core/ip.ts';
import { type Calling, type HostClient, readAnswer } from '../host-client.ts';
import { RelayAnswer } from '../relay-lines.ts';
import { type Connection, Connections } from './connections.ts';
import { runThere } from './far-command.ts';
import { bringProgram, ownKind, type Program, programFile } from './program.ts';
import { Relay } from './relay.ts';
import type { SshWay } from './way.ts';

/** What is in use at a host. */
interface Standing {
  readonly connection: Connection;
  readonly relay: Relay;
  /** What starts the program there, to its first argument. */
  readonly words: readonly string[];
}

/**
 * Hosts that are reached by SSH. What obeys there is this very program: it is brought over once, started by the first order, and stays beside the instances, so that
 * one that crashes is started again while no controller looks. Orders are those for an agent.
 */
export class SshHosts {
  readonly #connections = new Connections();
  readonly #standing = new Map<string, Promise<Standing>>();
  #own: Promise<Program> | undefined;

  constructor(
    private readonly options: {
      /** This program, as it runs on hosts of this kind. */
      readonly program: () => Promise<Pick<Program, 'files'>>;
      readonly say: (text: string) => void;
    },
  ) {}

  client(host: string, way: SshWay): HostClient {
    return {
      host,
      at: way.hops.at(-1)?.host ?? host,
      call: (name, order, schema, calling = {}) => this.#call(host, way, name, order, schema, calling),
      send: (name, content, schema, calling = {}) => this.#send(host, way, name, content, schema, calling),
    };
  }

  /** Ends all connections; what runs on the hosts goes on. */
  close(): Promise<void> {
    return this.#connections.close();
  }

  async #call<T>(
    host: string,
    way: SshWay,
    name: string,
    order: unknown,
    schema: z.ZodType<T>,
    calling: Calling,
  ): Promise<T> {
    const { relay, connection } = await this.#stand(host, way);
    const answer = await relay.ask(name, order, calling);
    return read(host, connection, name, answer, schema);
  }

  async #send<T>(
    host: string,
    way: SshWay,
    name: string,
    content: Readable,
    schema: z.ZodType<T>,
    { signal }: Calling,
  ): Promise<T> {
    try {
      const { connection, words } = await this.#stand(host, way);
      const { output, errors, code } = await runThere(
        connection,
        ['sh', '-c', 'cd && exec "$@"', 'sh', ...words, 'receive', '--home', homeOf(way), '--order', name],
        { input: content, signal },
      );
      const answer = RelayAnswer.safeParse(parsed(output));
      if (answer.success) return read(host, connection, name, answer.data, schema);
      throw new CutoverError(
        'agent-absent',
        `${connection.place}: expected an answer to ${name}, found: ${errors || `exit code ${code}`}`,
        { next: 'the order may be given again' },
      );
    } finally {
      content.destroy();
    }
  }

  #stand(host: string, way: SshWay): Promise<Standing> {
    const key = JSON.stringify([host, way]);
    const known = this.#standing.get(key);
    if (known) return known;
    const forget = (): void => {
      if (this.#standing.get(key) === standing) this.#standing.delete(key);
    };
    const standing = this.#begin(host, way, forget);
    this.#standing.set(key, standing);
    standing.catch(forget); // Whoever asked has the error; the next one tries anew.
    return standing;
  }

  async #begin(host: string, way: SshWay, onEnd: () => void): Promise<Standing> {
    const connection = await this.#connections.to(host, way);
    const advertise = await addressOf(connection, way);
    const program = await this.#program(way);
    const paths = await bringProgram(connection, homeOf(way), program, this.options.say);
    const words = [...paths, 'host'];
    const id = program.files.map(({ digest }) => digest.slice(0, 16)).join('.');
    const relay = await Relay.open(
      connection,
      [...words, 'relay', '--home', homeOf(way), '--advertise', advertise, '--program', id],
      onEnd,
    );
    return { connection, relay, words };
  }

  async #program({ program }: SshWay): Promise<Program> {
    if (program !== null) return { files: [await programFile(program, 'cutover')], kind: null };
    this.#own ??= this.options.program().then(({ files }) => ({ files, kind: ownKind() }));
    return this.#own;
  }
}

/** Relative to the home of the user there, unless it begins with a slash. */
const homeOf = ({ home }: SshWay): string => home.replace(/^~\//, '').replace(/\/+$/, '');

/** Where others reach what listens on the host. */
async function addressOf({ place }: Connection, { address, hops }: SshWay): Promise<string> {
  if (address !== null) return address;
  const host = hops.at(-1)?.host ?? '';
  if (isIpAddress(host)) return host;
  try {
    return (await lookup(host)).address;
  } catch (cause) {
    throw new CutoverError(
      'spec-invalid',
      `${place}: expected an address that ${host} stands for, found: ${errorRecord(cause).message}`,
      {
        next: 'name the IP address at which its instances are reached: address, beside its name in platform.ssh.hosts',
        cause,
      },
    );
  }
}

function read<T>(
  host: string,
  { place }: Connection,
  name: string,
  { status, text }: z.infer<typeof RelayAnswer>,
  schema: z.ZodType<T>,
): T {
  return readAnswer({ host, place, name }, { ok: status >= 200 && status < 300, status, text }, schema);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // No answer; told by whoever asked.
  }
}

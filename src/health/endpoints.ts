import { type HeaderOf, type Peer, readToken, refusal, type Token } from './access.ts';
import { type Condition, type Role, roles, serves } from './role.ts';
import { heaviest, isEpoch, isWeight, RoleFile, type RoleRecord } from './role-file.ts';

/** The version of the protocol; docs/health-protocol.md. */
export const protocolVersion = 1;

export interface HealthOptions {
  /** Where the role is kept. Its folder must be there. */
  readonly file: string;
  /** Whether the instance can serve; asked with each question. Default: it can. One that throws, or takes longer than `timeoutMs`, cannot. */
  readonly healthy?: () => boolean | Looks | Promise<boolean | Looks>;
  /** Default: 1000. */
  readonly timeoutMs?: number;
  /** Who has it may change the role from anywhere. Without one only programs of this machine may. */
  readonly token?: Token;
  /** The role while none was ever set. Default: `live`. */
  readonly initial?: Role;
  /** What stands before each path, such as `/_cutover`. Default: nothing. */
  readonly prefix?: string;
  /** Requests of users that have begun and not ended; makes `GET /in-flight`. */
  readonly traffic?: () => Traffic | Promise<Traffic>;
}

/** What an instance has to do. */
export interface Traffic {
  readonly inFlight: number;
  /** All that have begun, so that one who looks twice sees whether new ones come. */
  readonly requests: number;
  /** Another one: counting began anew. */
  readonly bootId?: string;
  /** What else was counted, for whoever can read it. */
  readonly side?: unknown;
}

export interface Question {
  readonly method: string;
  /** As it was asked for; what follows a `?` does not matter. */
  readonly path: string;
  readonly header: HeaderOf;
  readonly peer: Peer;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Not sent in answer to HEAD. */
  readonly body: string;
}

/** How an instance is, and why. */
export interface Looks {
  readonly condition: Condition;
  /** For those who run it; not told to everybody. */
  readonly detail: string;
}

/**
 * The endpoints by which balancers know what an instance is there for: `GET /live` and `GET /standby`, of which exactly one answers 200 while the
 * instance is healthy, and `POST /enable/live`, `/enable/standby` and `/enable/maintenance`, which have taken effect and are on disk when they
 * answer. Plain questions and answers: the adapters bring them to a server.
 */
export class HealthEndpoints {
  readonly #file: RoleFile;
  readonly #prefix: string;
  #wasHealthy = false;
  #asking: Promise<Looks> | null = null;

  /** Throws if the role's file or the token cannot be used. */
  constructor(private readonly options: HealthOptions) {
    this.#file = new RoleFile(options.file, options.initial ?? 'live');
    this.#prefix = options.prefix ?? '';
    this.#file.read();
    if (options.token !== undefined) readToken(options.token);
  }

  /** The role as it is on disk now. */
  role(): RoleRecord {
    return this.#file.read();
  }

  /** On disk when it returns. Does nothing if it is so already. */
  enable(role: Role): RoleRecord {
    const before = this.#file.read();
    return before.role === role ? before : this.#change({ ...before, role, since: Date.now() });
  }

  /** In percent, 0 to 256. */
  weigh(weight: number): RoleRecord {
    const before = this.#file.read();
    return before.weight === weight ? before : this.#change({ ...before, weight });
  }

  /** Whether a path is one of ours. */
  owns(path: string): boolean {
    return this.#pathOf(path) !== null;
  }

  /** How the instance is now. All who ask while an answer is awaited get the same. */
  looks(): Promise<Looks> {
    this.#asking ??= this.#look().finally(() => (this.#asking = null));
    return this.#asking;
  }

  /** Null if the path is none of ours. Never rejects. */
  async answer({ method, path, header, peer }: Question): Promise<Answer | null> {
    const own = this.#pathOf(path);
    if (own === null) return null;
    try {
      const [first, last] = own;
      if (first === 'enable' || first === 'weight') {
        if (method !== 'POST') return text(405, 'expected POST', { allow: 'POST' });
        const refused = refusal(peer, header, this.options.token);
        if (refused)
          return text(
            refused.status,
            refused.why,
            refused.status === 401 ? { 'www-authenticate': 'Bearer' } : {},
          );
        const stale = this.#fence(header('cutover-epoch') ?? '');
        if (stale) return stale;
        return first === 'enable' ? this.#enabled(last) : this.#weighed(last);
      }
      if (!['GET', 'HEAD', 'OPTIONS'].includes(method))
        return text(405, 'expected GET', { allow: 'GET, HEAD, OPTIONS' });
      if (first === 'in-flight') return json(200, await this.options.traffic?.());
      const { condition, detail } = await this.looks();
      const { role, weight, since, epoch } = this.#file.read();
      if (first === 'health') {
        const inside = refusal(peer, header, this.options.token) === null ? { detail } : {};
        return json(condition === 'healthy' ? 200 : 500, {
          ...{
            protocol: protocolVersion,
            role,
            condition,
            weight,
            ...(epoch === undefined ? {} : { epoch }),
          },
          ...{ since: since === 0 ? null : new Date(since).toISOString(), ...inside },
        });
      }
      if (serves(role, condition, first)) return text(200, first);
      return text(500, `not ${first}: ${condition === 'healthy' ? role : condition}`);
    } catch (error) {
      // A role that cannot be read or written is no role: nobody is sent here by it. The cause may name paths of this machine.
      const inside =
        refusalOrNone(peer, header, this.options.token) && error instanceof Error ? `: ${error.message}` : '';
      return text(500, `the state of this instance is not known${inside}`);
    }
  }

  /** Remembers the epoch of an order that has one; an answer if a newer one was obeyed: whoever gave it has taken over since. */
  #fence(written: string): Answer | null {
    if (written === '') return null;
    const epoch = /^\d{1,15}$/.test(written) ? Number(written) : NaN;
    if (!isEpoch(epoch)) return text(400, 'expected an epoch, a whole number');
    const before = this.#file.read();
    if (epoch < (before.epoch ?? 0)) return text(409, `epoch ${before.epoch} was obeyed already`);
    if (epoch !== before.epoch) this.#change({ ...before, epoch });
    return null;
  }

  #change(record: RoleRecord): RoleRecord {
    this.#file.write(record);
    return record;
  }

  #enabled(name: string): Answer {
    const role = roles.find((each) => each === name);
    return role === undefined
      ? text(404, `expected one of ${roles.join(', ')}`)
      : json(200, this.enable(role));
  }

  #weighed(number: string): Answer {
    const weight = /^\d{1,3}$/.test(number) ? Number(number) : NaN;
    if (!isWeight(weight)) return text(404, `expected a weight in percent, 0 to ${heaviest}`);
    return json(200, this.weigh(weight));
  }

  /** The part of the path behind the prefix, if it is one of ours. */
  #pathOf(path: string): ['live' | 'standby' | 'health' | 'in-flight' | 'enable' | 'weight', string] | null {
    const end = path.search(/[?#]/);
    const plain = end === -1 ? path : path.slice(0, end);
    if (!plain.startsWith(`${this.#prefix}/`)) return null;
    const [, first, last, ...more] = plain.slice(this.#prefix.length).split('/');
    if (more.length > 0) return null;
    if (first === 'enable' || first === 'weight') return last === undefined ? null : [first, last];
    if (last !== undefined) return null;
    if (first === 'in-flight') return this.options.traffic === undefined ? null : [first, ''];
    return first === 'live' || first === 'standby' || first === 'health' ? [first, ''] : null;
  }

  async #look(): Promise<Looks> {
    const { healthy = () => true, timeoutMs = 1000 } = this.options;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer of its check within ${timeoutMs} ms`)), timeoutMs);
    });
    try {
      const found = await Promise.race([healthy(), late]);
      if (typeof found === 'object') return found;
      if (!found) throw new Error('its check failed');
      this.#wasHealthy = true;
      return { condition: 'healthy', detail: 'healthy' };
    } catch (error) {
      return {
        condition: this.#wasHealthy ? 'unhealthy' : 'starting',
        detail: error instanceof Error ? error.message : String(error),
      };
    } finally {
      clearTimeout(timer);
    }
  }
}

function refusalOrNone(peer: Peer, header: HeaderOf, token: Token | undefined): boolean {
  try {
    return refusal(peer, header, token) === null;
  } catch {
    return false; // The token cannot be read, so nobody has shown it.
  }
}

/** What a balancer or a cache in between must not keep (RFC 9111 §5.2.2.5). */
const common = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

const text = (status: number, words: string, more: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  headers: { ...common, 'content-type': 'text/plain; charset=utf-8', ...more },
  body: `${words}\n`,
});
const json = (status: number, value: unknown): Answer => ({
  status,
  headers: { ...common, 'content-type': 'application/json' },
  body: `${JSON.stringify(value)}\n`,
});

import { z } from 'zod';
import { CutoverError } from '../../core/errors.ts';
import { formatAddress } from '../../core/address.ts';
import { type Role, roles, type Side } from '../../health/role.ts';
import type { Clock } from '../../ports/clock.ts';
import { ask, type AskOptions, type Place, type Said } from './ask.ts';
import type { Observation } from './observation.ts';

export interface ConformanceOptions {
  /** Whether the role may be changed meanwhile; it is put back. */
  readonly enable: boolean;
  readonly token: string | undefined;
  /** For one answer: a balancer that waits no longer takes a slower one for none. */
  readonly timeoutMs: number;
}

const sides = ['live', 'standby'] as const satisfies readonly Side[];
const opposite = (side: Side): Side => (side === 'live' ? 'standby' : 'live');
/** A role may change between two questions; how often the pair is asked before that is no excuse any more. */
const tries = 3;

const HealthBody = z.object({ role: z.enum(roles) });

/** The answers to both questions, taken together; text: why there is none. */
type Pair = Readonly<Record<Side, number>>;

/**
 * Whether a server keeps to docs/health-protocol.md: what was looked at, and what was found. Without `enable` nothing is sent but GET, HEAD and
 * OPTIONS to paths that change nothing.
 *
 * @throws CutoverError `agent-absent` if nothing answers there
 */
export class Conformance {
  readonly #seen: Observation[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly place: Place,
    private readonly options: ConformanceOptions,
  ) {}

  async observe(): Promise<readonly Observation[]> {
    const pair = await this.#pair();
    await this.#pairing(pair);
    await this.#otherMethods(pair);
    await this.#caching();
    await this.#health(pair);
    if (this.options.enable) await this.#enabling(pair);
    return this.#seen;
  }

  #ask(path: string, options: AskOptions = {}): Promise<Said | string> {
    return ask(this.clock, this.place, path, this.options.timeoutMs, options);
  }

  #url(path: string): string {
    return `http${this.place.upstream?.tls ? 's' : ''}://${formatAddress(this.place.address)}${this.place.prefix}${path}`;
  }

  /** Both statuses with no change of role in between: the first question is asked again after the second. */
  async #pair(): Promise<Pair> {
    for (let left = tries; ; left--) {
      const [live, standby, again] = [
        await this.#status('/live'),
        await this.#status('/standby'),
        await this.#status('/live'),
      ];
      if (live === again || left === 1) return { live, standby };
    }
  }

  async #status(path: string): Promise<number> {
    const said = await this.#ask(path);
    if (typeof said !== 'string') return said.status;
    throw new CutoverError('agent-absent', `${this.#url(path)}: expected an answer, found: ${said}`, {
      next: 'see that the server runs and that the address is its own',
    });
  }

  async #pairing({ live, standby }: Pair): Promise<void> {
    const found = `/live ${live}, /standby ${standby}`;
    const look = 'exactly one of /live and /standby answers 200';
    if (![live, standby].every((status) => status === 200 || status === 500))
      return this.#fail(
        look,
        `expected 200 or 500 of each, found ${found}`,
        'answer with 200 or 500: a balancer may take other statuses for either',
      );
    if (live === 200 && standby === 200)
      return this.#fail(
        look,
        `expected 200 of one, found ${found}`,
        'let both follow from one role, so that one answers by what the other does not',
      );
    if (live === 200 || standby === 200) return this.#ok(look, found);
    const health = await this.#ask('/health');
    const role = typeof health === 'string' ? null : roleIn(health);
    if (typeof health !== 'string' && health.status === 200 && role !== 'maintenance')
      return this.#fail(
        look,
        `expected 200 of one, since /health answers 200, found ${found}`,
        'let /live, /standby and /health follow from the same look at the instance',
      );
    this.#warn(
      look,
      `${found}: ${role === 'maintenance' ? 'it is in maintenance' : 'it is not healthy, or starts'}`,
      'check it again when it is healthy: what a healthy one answers was not seen',
    );
  }

  async #otherMethods(pair: Pair): Promise<void> {
    for (const side of sides) {
      const head = await this.#ask(`/${side}`, { method: 'HEAD' });
      this.#same(`HEAD /${side} is answered as GET is`, pair[side], head);
      const old = await this.#ask(`/${side}`, { version: '1.0' });
      this.#same(`GET /${side} over HTTP/1.0, without Host, is answered alike`, pair[side], old);
      const options = await this.#ask(`/${side}`, { method: 'OPTIONS' });
      const look = `OPTIONS /${side} is answered alike`;
      if (typeof options !== 'string' && options.status === pair[side])
        this.#ok(look, String(options.status));
      else
        this.#warn(
          look,
          `expected ${pair[side]}, found ${words(options)}`,
          `HAProxy asks so unless it is told: option httpchk GET /${side}`,
        );
    }
  }

  #same(look: string, expected: number, said: Said | string): void {
    if (typeof said !== 'string' && said.status === expected) return this.#ok(look, String(expected));
    this.#fail(
      look,
      `expected ${expected}, found ${words(said)}`,
      'balancers ask in several ways; give all the same answer',
    );
  }

  async #caching(): Promise<void> {
    const look = 'answers are not kept by caches';
    const said = await this.#ask('/live');
    const found = typeof said === 'string' ? said : (said.headers.get('cache-control') ?? 'no Cache-Control');
    if (/\bno-store\b/i.test(found)) this.#ok(look, found);
    else
      this.#warn(
        look,
        `expected Cache-Control: no-store, found ${found}`,
        'send it: a cache in between would tell what was',
      );
  }

  async #health(pair: Pair): Promise<void> {
    const look = 'GET /health tells the role, as JSON';
    const said = await this.#ask('/health');
    if (typeof said === 'string')
      return this.#fail(look, `expected an answer, found: ${said}`, 'answer it, or answer 404');
    if (said.status === 404) return this.#warn(look, '404', 'it may be left out; people and tools read it');
    const healthy = pair.live === 200 || pair.standby === 200;
    const role = roleIn(said);
    if (role === null)
      return this.#fail(
        look,
        `expected {"role": "live"} or alike, found ${JSON.stringify(said.body.slice(0, 80))}`,
        'say the role that /live and /standby follow from',
      );
    const shown = pair.live === 200 ? 'live' : pair.standby === 200 ? 'standby' : null;
    if (shown !== null && role !== shown)
      return this.#fail(
        look,
        `expected ${shown}, as /${shown} says, found ${role}`,
        'let both follow from one role',
      );
    if (healthy && said.status !== 200)
      return this.#fail(
        look,
        `expected 200 of a healthy instance, found ${said.status}`,
        'answer 200 where one of /live and /standby does',
      );
    this.#ok(look, `${said.status}, ${role}`);
  }

  async #enabling(pair: Pair): Promise<void> {
    const first: Side | null = pair.live === 200 ? 'live' : pair.standby === 200 ? 'standby' : null;
    if (first === null)
      return this.#warn(
        'POST /enable changes the role',
        'not tried: the instance is not healthy',
        'check it again when it is',
      );
    const second = opposite(first);
    try {
      await this.#refusals(first, second);
      await this.#enable(second, 'POST /enable/SIDE changes the role before it answers');
      await this.#enable(second, 'POST /enable/SIDE twice is as once');
    } finally {
      await this.#enable(first, 'the role can be put back');
    }
  }

  /** What must change nothing. */
  async #refusals(first: Side, second: Side): Promise<void> {
    const attempts: readonly (readonly [string, string, AskOptions])[] = [
      ['GET /enable/SIDE changes nothing', `/enable/${second}`, {}],
      ['HEAD /enable/SIDE changes nothing', `/enable/${second}`, { method: 'HEAD' }],
      [
        'POST /enable of what is no role is refused',
        '/enable/nothing-of-ours',
        { method: 'POST', token: this.options.token },
      ],
      ...(this.options.token === undefined
        ? []
        : ([
            [
              'a wrong token is refused',
              `/enable/${second}`,
              { method: 'POST', token: `${this.options.token}x` },
            ],
            ['no token is refused', `/enable/${second}`, { method: 'POST' }],
          ] as const)),
    ];
    for (const [look, path, how] of attempts) {
      const said = await this.#ask(path, how);
      const after = await this.#pair();
      if (after[first] !== 200) {
        this.#fail(
          look,
          `expected that it stays ${first}, found /live ${after.live}, /standby ${after.standby} after ${words(said)}`,
          'change the role only for a POST that is allowed',
        );
        await this.#ask(`/enable/${first}`, { method: 'POST', token: this.options.token });
      } else if (typeof said !== 'string' && said.status < 400)
        this.#fail(look, `expected a status of 4xx, found ${said.status}`, 'say that nothing was done');
      else this.#ok(look, words(said));
    }
  }

  async #enable(side: Side, look: string): Promise<void> {
    const said = await this.#ask(`/enable/${side}`, { method: 'POST', token: this.options.token });
    if (typeof said === 'string' || said.status < 200 || said.status > 299)
      return this.#fail(
        look,
        `expected 2xx of POST /enable/${side}, found ${words(said)}`,
        typeof said !== 'string' && (said.status === 401 || said.status === 403)
          ? 'give the token with --token-file, or check it on its own machine'
          : 'answer 2xx when the role is in force',
      );
    const { live, standby } = await this.#pair();
    if ({ live, standby }[side] === 200 && { live, standby }[opposite(side)] === 500)
      return this.#ok(look, `${side}: /live ${live}, /standby ${standby}`);
    this.#fail(
      look,
      `expected 200 of /${side} and 500 of /${opposite(side)} after POST /enable/${side}, found /live ${live}, /standby ${standby}`,
      'answer the POST when the next question is answered by the new role',
    );
  }

  #ok(look: string, found: string): void {
    this.#seen.push({ look, result: 'ok', found });
  }
  #warn(look: string, found: string, next: string): void {
    this.#seen.push({ look, result: 'warn', found, next });
  }
  #fail(look: string, found: string, next: string): void {
    this.#seen.push({ look, result: 'fail', found, next });
  }
}

const words = (said: Said | string): string => (typeof said === 'string' ? said : String(said.status));

const roleIn = ({ body }: Said): Role | null => HealthBody.safeParse(parsed(body)).data?.role ?? null;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // Not what it should be; the schema says so.
  }
}

/** The place that an address of a web page names; throws `usage` for another text. */
export function placeOf(text: string): Place {
  let url: URL;
  try {
    url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  } catch (cause) {
    throw wrongUrl(text, cause);
  }
  if (!/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '' || url.username !== '')
    throw wrongUrl(text);
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const tls = { ca: null, serverName: null, cert: null, key: null, verify: true };
  return {
    address: { host, port: url.port === '' ? (secure ? 443 : 80) : Number(url.port) },
    upstream: secure ? { protocol: 'http1', tls } : undefined,
    prefix: url.pathname.replace(/\/+$/, ''),
  };
}

const wrongUrl = (text: string, cause?: unknown): CutoverError =>
  new CutoverError('usage', `cutover agent check: expected a URL such as http://web1:8081, found ${text}`, {
    next: 'name where /live and /standby are, with what stands before them',
    ...(cause === undefined ? {} : { cause }),
  });

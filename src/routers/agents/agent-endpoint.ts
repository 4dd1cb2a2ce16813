import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { formatAddress, type Address } from '../../core/address.ts';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import { emptySide, SideCounters } from '../../core/traffic.ts';

const answerMs = 3000;
const mostBytes = 1_000_000;

const HealthAnswer = z.looseObject({
  role: z.enum(['live', 'standby', 'maintenance']),
  condition: z.string().optional(),
  epoch: z.int().min(0).optional(),
});
export type SeenRole = z.infer<typeof HealthAnswer>;

const InFlight = z.looseObject({
  inFlight: z.number().min(0),
  requests: z.number().min(0),
  bootId: z.string().max(200).optional(),
  side: SideCounters.partial().optional(),
});

/** What an agent has counted. */
export interface SeenTraffic {
  readonly bootId: string;
  readonly side: SideCounters;
}

/** The endpoints of one instance, by docs/health-protocol.md. Every call may be repeated. Rejects with `router-absent` if nothing answers. */
export class AgentEndpoint {
  constructor(
    private readonly address: Address,
    private readonly prefix: string,
    /** Absolute; read with each order, so that a new token holds at once. */
    private readonly tokenFile: string | undefined,
  ) {}

  get name(): string {
    return formatAddress(this.address);
  }

  /** What it is there for. */
  async role(): Promise<SeenRole> {
    // An instance that is not healthy answers 500, and tells its role all the same.
    const { text } = await this.#ask('GET', '/health');
    return this.#parsed(HealthAnswer, text, '/health');
  }

  /** Whether balancers are told that it serves users. */
  async isLive(): Promise<boolean> {
    return (await this.#ask('GET', '/live')).status === 200;
  }

  /**
   * It is on disk there when this resolves.
   *
   * @param weight in per cent of what it could get; absent: as it is
   * @throws CutoverError `stale-epoch`, `router-refused`
   */
  async enable(role: 'live' | 'standby', epoch: number, weight?: number): Promise<void> {
    if (weight !== undefined) await this.#order(`/weight/${weight}`, epoch);
    await this.#order(`/enable/${role}`, epoch);
  }

  async traffic(): Promise<SeenTraffic> {
    const { status, text } = await this.#ask('GET', '/in-flight');
    if (status === 404)
      throw this.#refused(
        'GET /in-flight to be answered, found 404',
        'run the agent with --proxy, or say counts: false under router.agents',
      );
    const { inFlight, requests, bootId = 'uncounted', side } = this.#parsed(InFlight, text, '/in-flight');
    return { bootId, side: SideCounters.parse({ ...emptySide(), ...side, inFlight, requests }) };
  }

  async #order(path: string, epoch: number): Promise<void> {
    const { status, text } = await this.#ask('POST', path, {
      'cutover-epoch': String(epoch),
      ...(this.tokenFile === undefined ? {} : { authorization: `Bearer ${readToken(this.tokenFile)}` }),
    });
    if (status >= 200 && status < 300) return;
    const found = `${status} ${text.trim().slice(0, 200)}`;
    if (status === 409)
      throw new CutoverError(
        'stale-epoch',
        `agent ${this.name}: expected to be told by epoch ${epoch} or an older one, found ${found}`,
        {
          next: 'another controller leads this service, or the agent was of another one before; see which is meant to',
        },
      );
    throw this.#refused(
      `POST ${path} to be obeyed, found ${found}`,
      status === 401 || status === 403
        ? 'name the token of the agents under router.agents.tokenFile'
        : 'cutover agent check shows whether it keeps to the protocol',
    );
  }

  async #ask(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ status: number; text: string }> {
    try {
      const response = await fetch(`http://${this.name}${this.prefix}${path}`, {
        method,
        headers,
        redirect: 'manual',
        keepalive: false,
        signal: AbortSignal.timeout(answerMs),
      });
      const text = await response.text();
      if (text.length > mostBytes) throw new Error(`more than ${mostBytes} characters`);
      return { status: response.status, text };
    } catch (cause) {
      throw new CutoverError(
        'router-absent',
        `agent ${this.name}: expected an answer, found: ${errorRecord(cause).message}`,
        { next: 'see that the host is up and that cutover agent run runs there', cause },
      );
    }
  }

  #parsed<T>(schema: z.ZodType<T>, text: string, path: string): T {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw this.#refused(`JSON at ${path}, found ${JSON.stringify(text.slice(0, 100))}`, protocolHint);
    }
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw this.#refused(
      `what the protocol has at ${path}, found: ${z.prettifyError(parsed.error)}`,
      protocolHint,
    );
  }

  #refused(expected: string, next: string): CutoverError {
    return new CutoverError('router-refused', `agent ${this.name}: expected ${expected}`, { next });
  }
}

const protocolHint = 'cutover agent check shows whether it keeps to the protocol (docs/health-protocol.md)';

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new CutoverError(
      'router-refused',
      `router.agents.tokenFile: expected a file with a token, found that ${file} cannot be read`,
      { next: 'see that it exists and that the controller may read it', cause },
    );
  }
}

import { randomUUID } from 'node:crypto';
import { createWriteStream, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import { CutoverError } from '../../core/errors.ts';
import type { Release } from '../../core/release.ts';
import { Spec } from '../../core/spec.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Platform, Shipped } from '../../ports/platform.ts';
import {
  EnvironmentRequest,
  type Hello,
  ListeningRequest,
  LogsRequest,
  PlaceRequest,
  PruneRequest,
  ShipRequest,
  StartRequest,
  type WireRelease,
} from '../../platforms/host/protocol.ts';
import { writeFileDurably } from './durable-file.ts';

/** How long content that was announced is waited for. */
const announcedMs = 10 * 60_000;
const mostAnnounced = 16;

interface Announced {
  readonly order: z.infer<typeof ShipRequest>;
  readonly at: number;
}

export interface OrdersOptions {
  /** Absolute path of the home directory. */
  readonly home: string;
  readonly platform: Platform & {
    /** What was shipped under this number; null if nothing was. */
    find(service: string, release: number): Promise<Shipped | null>;
  };
  readonly clock: Clock;
  readonly hello: Omit<Hello, 'protocol'>;
}

/** What a controller that is let in may have done here: the port `Platform`, word by word. */
export class Orders {
  readonly #announced = new Map<string, Announced>();
  readonly #incoming: string;

  constructor(private readonly options: OrdersOptions) {
    this.#incoming = join(options.home, 'agent/incoming');
    // What an agent before us had not received whole.
    rmSync(this.#incoming, { recursive: true, force: true });
    mkdirSync(this.#incoming, { recursive: true, mode: 0o700 });
  }

  /** Undefined if there is no such order. The answer is JSON. */
  obey(name: string, order: unknown): Promise<unknown> | undefined {
    const { platform, hello } = this.options;
    switch (name) {
      case 'hello':
        return Promise.resolve({ protocol: 1, ...hello });
      case 'place': {
        const { environment, release, previous } = expected(PlaceRequest, order);
        return platform.place(environment, this.#release(environment.service, release), previous);
      }
      case 'ship':
        return this.#ship(expected(ShipRequest, order));
      case 'start':
        return this.#start(expected(StartRequest, order));
      case 'stop':
        return platform.stop(expected(EnvironmentRequest, order).environment).then(() => ({}));
      case 'inspect':
        return platform.inspect(expected(EnvironmentRequest, order).environment);
      case 'listening': {
        const { environment, layer, index } = expected(ListeningRequest, order);
        return platform.listening(environment, layer, index);
      }
      case 'logs': {
        const { environment, query } = expected(LogsRequest, order);
        return platform.logs(environment, query);
      }
      case 'prune':
        return this.#prune(expected(PruneRequest, order));
      default:
        return undefined;
    }
  }

  /** Takes the content that was announced; what does not come to its digest is not kept. */
  async receive(id: string, content: Readable, signal: AbortSignal): Promise<Shipped> {
    const announced = this.#announced.get(id);
    if (!announced || this.options.clock.monotonic() - announced.at > announcedMs)
      throw new CutoverError('request-invalid', `expected content that was announced, found ${id}`, {
        next: 'announce it again',
      });
    this.#announced.delete(id);
    const { service, release, digest } = announced.order;
    const path = join(this.#incoming, `${id}.tar`);
    try {
      await pipeline(content, createWriteStream(path, { mode: 0o600, flags: 'wx' }), { signal });
      const made = this.#release(service, release);
      const shipped = await this.options.platform.ship(
        service,
        { ...made, source: { kind: 'archive', path } },
        signal,
      );
      if (shipped.digest !== digest)
        throw new CutoverError(
          'checksum-mismatch',
          `release ${release.number} of ${service}: expected the digest ${digest}; what came has ${shipped.digest}`,
          { next: 'see whether something changed it on the way or here; it is not started' },
        );
      return shipped;
    } catch (error) {
      if (isFull(error))
        throw new CutoverError(
          'disk-full',
          `${this.#incoming}: receiving a release needs room, and the disk is full`,
          {
            next: 'make room on that host; nothing half done was left',
            cause: error,
          },
        );
      throw error;
    } finally {
      rmSync(path, { force: true });
    }
  }

  async #ship(order: z.infer<typeof ShipRequest>): Promise<unknown> {
    const { platform, clock } = this.options;
    const { service, release } = order;
    const here = await platform.find(service, release.number);
    if (here) return { shipped: here };
    for (const [id, { at }] of this.#announced)
      if (clock.monotonic() - at > announcedMs || this.#announced.size >= mostAnnounced)
        this.#announced.delete(id);
    const content = randomUUID();
    this.#announced.set(content, { order, at: clock.monotonic() });
    return { content };
  }

  async #start({
    environment,
    release: wire,
    placement,
    secrets,
    only,
  }: z.infer<typeof StartRequest>): Promise<unknown> {
    const release = this.#release(environment.service, wire);
    if (Object.keys(secrets).length > 0) mkdirSync(release.base, { recursive: true, mode: 0o700 });
    for (const [id, value] of Object.entries(secrets)) writeFileDurably(join(release.base, id), value);
    await this.options.platform.start(environment, release, placement, only);
    return {};
  }

  async #prune({ service, keep }: z.infer<typeof PruneRequest>): Promise<readonly number[]> {
    const removed = await this.options.platform.prune(service, keep);
    for (const number of removed) rmSync(this.#secrets(service, number), { recursive: true, force: true });
    return removed;
  }

  /** Where the values are that must not be recorded: the variables of the release name files below it. */
  #secrets(service: string, number: number): string {
    return join(this.options.home, 'agent/secrets', service, String(number));
  }

  #release(service: string, { number, version, spec }: WireRelease): Release {
    const parsed = expected(Spec, spec);
    return {
      ...{ number, version, spec: parsed, by: 'the controller', createdAt: 0, digest: null },
      base: this.#secrets(service, number),
      source: { kind: 'directory', path: '/' },
    };
  }
}

function expected<T>(schema: z.ZodType<T>, order: unknown): T {
  const parsed = schema.safeParse(order);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CutoverError(
    'request-invalid',
    `expected an order of protocol 1, found at ${issue?.path.join('.') || 'its top'}: ${issue?.message ?? ''}`,
    { next: 'have the same version of Cutover on the host and at the controller' },
  );
}

const isFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');

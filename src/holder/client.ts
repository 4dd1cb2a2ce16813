import { z } from 'zod';
import { CutoverError, errorRecord } from '../core/errors.ts';
import { socketPath } from '../config/home.ts';
import { WireError } from '../proxy/admin/protocol.ts';
import { holderSocketName } from './protocol.ts';

export interface HolderRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

const answerMs = 10_000;
/** How long a second takes, at most, to be the holder. */
const absenceMs = 1000;
const lookMs = 10;

/** Speaks with the holder of a home directory. Each request may be made again after `router-absent`. */
export class HolderClient {
  readonly socket: string;

  /**
   * @param home absolute path
   * @param begin starts the holder where there is none; resolves when it answers. Absent: it is not started
   */
  constructor(
    home: string,
    private readonly begin?: () => Promise<void>,
  ) {
    this.socket = socketPath(home, holderSocketName);
  }

  /** @throws CutoverError what the holder answered, or `router-absent` */
  async ask<T>(request: HolderRequest, schema: z.ZodType<T>): Promise<T> {
    const begun = performance.now();
    for (let started = false; ;) {
      try {
        return await this.askOnce(request, schema);
      } catch (error) {
        const absent = error instanceof CutoverError && error.code === 'router-absent';
        if (!absent || started) throw error;
      }
      await Bun.sleep(lookMs);
      if (performance.now() - begun < absenceMs && this.#wasThere) continue;
      started = true;
      await this.begin?.();
    }
  }

  #wasThere = false;

  /** Without waiting for one that is away. */
  async askOnce<T>({ method, path, body }: HolderRequest, schema: z.ZodType<T>): Promise<T> {
    let status: number;
    let json: unknown;
    try {
      const response = await fetch(`http://holder${path}`, {
        unix: this.socket,
        method,
        headers: {
          connection: 'close',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(answerMs),
      });
      status = response.status;
      json = await response.json();
    } catch (cause) {
      throw new CutoverError(
        'router-absent',
        `the holder of sockets at ${this.socket}: expected an answer to ${method} ${path}, found ${errorRecord(cause).message}`,
        { next: 'start it: cutover up; see holder.log in the home directory if it does not stay up', cause },
      );
    }
    this.#wasThere = true;
    if (status !== 200) {
      const error = WireError.parse(json);
      const { code, message, next, detail } = error;
      throw new CutoverError(code, message, {
        ...(next === undefined ? {} : { next }),
        ...(detail ? { detail } : {}),
      });
    }
    const parsed = schema.safeParse(json);
    if (parsed.success) return parsed.data;
    throw new CutoverError(
      'internal',
      `the holder of sockets at ${this.socket} answered ${method} ${path} in another form: ${z.prettifyError(parsed.error)}`,
      { next: 'run holder and controller of the same version: cutover up', cause: parsed.error },
    );
  }
}

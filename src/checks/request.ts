import { type Agent, request as plainRequest, type IncomingMessage } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import type { Address } from '../core/address.ts';
import { formatDuration } from '../core/duration.ts';

/** How many different failures are told. */
const toldFailures = 10;

/** What is asked again and again over kept connections. */
export interface Question {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Default: GET. */
  readonly method?: string;
}

/** One request over a kept connection, to the end of its answer, within the time. Resolves with the status; rejects with why there is none. */
export function ask(
  { host, port }: Address,
  { path, headers, method = 'GET' }: Question,
  timeoutMs: number,
  secure: ConnectionOptions | null,
  agent: Agent,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const place = { host, port, path, method, agent, headers: { 'User-Agent': 'cutover-check', ...headers } };
  const onAnswer = (answer: IncomingMessage): void => {
    answer.on('error', reject);
    answer.on('aborted', () => reject(new Error('the answer was cut off')));
    answer.on('end', () => resolve(answer.statusCode ?? 0));
    answer.resume();
  };
  const request =
    secure === null ? plainRequest(place, onAnswer) : secureRequest({ ...secure, ...place }, onAnswer);
  const timer = setTimeout(() => {
    reject(new Error(`no whole answer within ${formatDuration(timeoutMs)}`));
    request.destroy();
  }, timeoutMs);
  request.on('error', reject);
  request.end();
  return promise.finally(() => clearTimeout(timer));
}

/** Why there was no answer, in a word or two. */
export const reason = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
};

/** Failures by their kind. */
export class Failures {
  readonly #why = new Map<string, number>();
  count = 0;

  because(why: string): void {
    this.count++;
    this.#why.set(why, (this.#why.get(why) ?? 0) + 1);
  }
  /** The most frequent ones, each with its count. */
  told(): string[] {
    return [...this.#why]
      .sort(([, a], [, b]) => b - a)
      .slice(0, toldFailures)
      .map(([why, count]) => `${count} × ${why}`);
  }
}

import type { Colour } from '../core/colour.ts';
import { CutoverError, errorTable, type ErrorCode, type ErrorRecord } from '../core/errors.ts';
import type { PreviewWays } from '../core/preview-ways.ts';
import type { Pass, PassOrder } from '../core/testers.ts';
import type { Receipt } from '../core/receipt.ts';
import type {
  CountersView,
  DiffView,
  DeploymentView,
  DeployRequest,
  EventMessage,
  GoBackRequest,
  KeepRequest,
  IntervenedView,
  LogsView,
  ModeRequest,
  ModeSetView,
  ModeView,
  NoticesView,
  NoticeTestView,
  PlanView,
  ServiceView,
  SetDeployRequest,
  SetSwitchedView,
  SetView,
  StatusView,
  SwitchedView,
} from '../server/api.ts';
import { EventReader } from './event-stream.ts';

/** A question is answered from memory; an order, when it is on record or (switch, rollback) when the traffic has moved. */
const questionTimeoutMs = 10_000;
const orderTimeoutMs = 120_000;
/** The controller says something on a stream every 15 seconds, if only that it is still there. */
const streamSilenceMs = 45_000;

export interface LogsQuery {
  readonly lines?: number | undefined;
  readonly layer?: string | undefined;
  readonly environment?: Colour | undefined;
  /** `next` of an earlier answer: what came behind it. */
  readonly after?: string | undefined;
}

/**
 * The controller's API as functions, over its unix socket. All reject with what the controller answered as an error, or with
 * `controller-absent` if none answers. Answers come from our own controller on a socket that only its owner can make, so they are looked at
 * only as far as telling an answer from an error needs.
 */
export class Client {
  constructor(readonly socket: string) {}

  status(): Promise<StatusView> {
    return this.#call('GET', '/v1/status');
  }

  service(name: string): Promise<ServiceView> {
    return this.#call('GET', this.#path(name));
  }

  plan(name: string, request: DeployRequest): Promise<PlanView> {
    return this.#call('POST', this.#path(name, 'plan'), request);
  }

  deploy(name: string, request: DeployRequest): Promise<DeploymentView> {
    return this.#call('POST', this.#path(name, 'deployments'), request);
  }

  rollback(name: string, request: GoBackRequest): Promise<SwitchedView> {
    return this.#call('POST', this.#path(name, 'rollback'), request);
  }

  switchTo(name: string, to: Colour, request: GoBackRequest): Promise<SwitchedView> {
    return this.#call('POST', this.#path(name, 'switch'), { ...request, to });
  }

  setMode(name: string, request: ModeRequest): Promise<ModeSetView> {
    return this.#call('POST', this.#path(name, 'mode'), request);
  }

  notices(name: string): Promise<NoticesView> {
    return this.#call('GET', this.#path(name, 'notices'));
  }

  testNotices(name: string, by: string): Promise<readonly NoticeTestView[]> {
    return this.#call('POST', this.#path(name, 'notices/test'), { by });
  }

  /** Newest first. */
  modes(name: string): Promise<readonly ModeView[]> {
    return this.#call('GET', this.#path(name, 'modes'));
  }

  approve(
    name: string,
    said: {
      readonly by: string;
      readonly gate?: number;
      readonly reject: boolean;
      readonly reason?: string;
    },
  ): Promise<IntervenedView> {
    return this.#call('POST', this.#path(name, 'approve'), said);
  }

  pause(name: string, by: string, reason?: string): Promise<IntervenedView> {
    return this.#call('POST', this.#path(name, 'pause'), { by, ...(reason !== undefined && { reason }) });
  }

  resume(name: string, by: string): Promise<IntervenedView> {
    return this.#call('POST', this.#path(name, 'resume'), { by });
  }

  promote(name: string, by: string, force: boolean): Promise<IntervenedView> {
    return this.#call('POST', this.#path(name, 'promote'), { by, force });
  }

  abort(name: string, request: GoBackRequest): Promise<DeploymentView> {
    return this.#call('POST', this.#path(name, 'abort'), request);
  }

  /** Of a deployment that is frozen. */
  keep(name: string, request: KeepRequest): Promise<DeploymentView> {
    return this.#call('POST', this.#path(name, 'keep'), request);
  }

  sets(): Promise<readonly SetView[]> {
    return this.#call('GET', '/v1/sets');
  }

  /** The newest deployment of a set. */
  set(name: string): Promise<SetView> {
    return this.#call('GET', this.#setPath(name));
  }

  planSet(name: string, request: SetDeployRequest): Promise<readonly PlanView[]> {
    return this.#call('POST', this.#setPath(name, 'plan'), request);
  }

  deploySet(name: string, request: SetDeployRequest): Promise<SetView> {
    return this.#call('POST', this.#setPath(name, 'deployments'), request);
  }

  rollbackSet(name: string, request: GoBackRequest): Promise<SetSwitchedView> {
    return this.#call('POST', this.#setPath(name, 'rollback'), request);
  }

  abortSet(name: string, request: GoBackRequest): Promise<SetView> {
    return this.#call('POST', this.#setPath(name, 'abort'), request);
  }

  keepSet(name: string, request: KeepRequest): Promise<SetView> {
    return this.#call('POST', this.#setPath(name, 'keep'), request);
  }

  /** Newest first. */
  setDeployments(name: string, limit: number): Promise<readonly SetView[]> {
    return this.#call('GET', this.#setPath(name, `deployments?limit=${limit}`));
  }

  /** Newest first. */
  deployments(name: string, limit: number): Promise<readonly DeploymentView[]> {
    return this.#call('GET', this.#path(name, `deployments?limit=${limit}`));
  }

  deployment(name: string, id: number): Promise<DeploymentView> {
    return this.#call('GET', this.#path(name, `deployments/${id}`));
  }

  /** All of a service, oldest first. */
  receipts(name: string): Promise<readonly Receipt[]> {
    return this.#call('GET', this.#path(name, 'receipts'));
  }

  logs(name: string, { lines, layer, environment, after }: LogsQuery): Promise<LogsView> {
    const query = new URLSearchParams();
    if (lines !== undefined) query.set('lines', String(lines));
    if (layer !== undefined) query.set('layer', layer);
    if (environment !== undefined) query.set('environment', environment);
    if (after !== undefined) query.set('after', after);
    return this.#call('GET', this.#path(name, `logs?${query.toString()}`));
  }

  preview(name: string): Promise<PreviewWays> {
    return this.#call('GET', this.#path(name, 'preview'));
  }

  pass(name: string, order: PassOrder): Promise<Pass> {
    return this.#call('POST', this.#path(name, 'pass'), order);
  }

  diff(name: string, deployment: number | undefined): Promise<DiffView> {
    const query = deployment === undefined ? '' : `?deployment=${deployment}`;
    return this.#call('GET', this.#path(name, `diff${query}`));
  }

  counters(name: string): Promise<CountersView> {
    return this.#call('GET', this.#path(name, 'counters'));
  }

  stop(by: string, what: { readonly instances: boolean; readonly proxy: boolean }): Promise<unknown> {
    return this.#call('POST', '/v1/stop', { by, ...what });
  }

  /**
   * The events of a service after a version: `onOpen` is called when the controller has answered. Ends when the controller ends the stream;
   * throws `controller-absent` when the connection breaks or falls silent, and the signal's reason when that is aborted.
   */
  async *events(
    name: string,
    after: number,
    { signal, onOpen }: { readonly signal: AbortSignal; readonly onOpen: () => void },
  ): AsyncGenerator<EventMessage> {
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(new Error('the stream fell silent')), streamSilenceMs);
    const either = AbortSignal.any([signal, silence.signal]);
    try {
      const response = await this.#fetch('GET', this.#path(name, `events?after=${after}`), undefined, either);
      if (!response.ok) throw await refusal(response);
      onOpen();
      const reader = new EventReader();
      const decoder = new TextDecoder();
      const body: ReadableStream<Uint8Array> | null = response.body;
      for await (const piece of body ?? []) {
        timer.refresh();
        yield* reader.read(decoder.decode(piece, { stream: true }));
      }
    } catch (thrown) {
      signal.throwIfAborted();
      throw thrown instanceof CutoverError ? thrown : this.#absent(thrown);
    } finally {
      clearTimeout(timer);
    }
  }

  #path(name: string, rest?: string): string {
    return `/v1/services/${encodeURIComponent(name)}${rest === undefined ? '' : `/${rest}`}`;
  }

  #setPath(name: string, rest?: string): string {
    return `/v1/sets/${encodeURIComponent(name)}${rest === undefined ? '' : `/${rest}`}`;
  }

  async #call<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    const timeoutMs = method === 'GET' ? questionTimeoutMs : orderTimeoutMs;
    try {
      const response = await this.#fetch(method, path, body, AbortSignal.timeout(timeoutMs));
      if (!response.ok) throw await refusal(response);
      return (await response.json()) as T;
    } catch (thrown) {
      if (thrown instanceof CutoverError) throw thrown;
      if (thrown instanceof Error && thrown.name === 'TimeoutError') {
        throw new CutoverError(
          'controller-absent',
          `the controller at ${this.socket}: expected an answer within ${timeoutMs / 1000} s, found none`,
          {
            next: 'cutover status shows whether it answers again, and what was done; cutover doctor looks closer',
            cause: thrown,
          },
        );
      }
      throw this.#absent(thrown);
    }
  }

  #fetch(method: string, path: string, body: unknown, signal: AbortSignal): Promise<Response> {
    return fetch(`http://controller${path}`, {
      unix: this.socket,
      method,
      signal,
      // Bun's own limit would end a stream that is merely quiet.
      timeout: false,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    } as RequestInit);
  }

  #absent(cause: unknown): CutoverError {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const found =
      code === 'ENOENT'
        ? 'no socket'
        : code === 'ECONNREFUSED'
          ? 'that nobody listens'
          : code === 'EACCES' || code === 'EPERM'
            ? 'that it is not ours to open'
            : `${cause instanceof Error ? cause.message : String(cause)}`;
    const next =
      code === 'EACCES' || code === 'EPERM'
        ? 'run as the user who started the controller'
        : 'cutover up starts the controller; --home DIR names another home directory';
    return new CutoverError(
      'controller-absent',
      `expected the controller to answer at ${this.socket}, found ${found}`,
      { next, detail: { reason: code }, cause },
    );
  }
}

/** The error that the controller answered, as it was thrown there. */
async function refusal(response: Response): Promise<CutoverError> {
  const text = await response.text();
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    return new CutoverError(
      'internal',
      `the controller answered ${response.status} and no error: ${text.slice(0, 200)}`,
      {
        cause,
      },
    );
  }
  const record = typeof found === 'object' && found !== null && 'error' in found ? found.error : undefined;
  if (typeof record !== 'object' || record === null || !('code' in record) || !('message' in record)) {
    return new CutoverError(
      'internal',
      `the controller answered ${response.status} and no error: ${text.slice(0, 200)}`,
    );
  }
  return thrown(record as ErrorRecord);
}

/** An error record as an error. A code that this version does not know counts as `internal`. */
export function thrown({ code, message, next, detail }: ErrorRecord): CutoverError {
  const known: ErrorCode = Object.hasOwn(errorTable, code) ? code : 'internal';
  return new CutoverError(known, known === code ? message : `${code}: ${message}`, {
    ...(next === undefined ? {} : { next }),
    ...(detail === undefined ? {} : { detail }),
  });
}

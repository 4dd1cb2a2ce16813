import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ErrorRecord } from '../../core/errors.ts';
import type { EventMessage } from '../../server/api.ts';
import { controllerSocket } from '../home.ts';

/** What the fake was asked. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** An answer: a document, an error, or events one after another (a function waits for something first). */
export type Answer =
  | { readonly json: unknown; readonly status?: number }
  | { readonly error: ErrorRecord; readonly status?: number }
  | { readonly events: readonly (EventMessage | (() => Promise<unknown>))[]; readonly thenEnd?: boolean };

/** Answers by `METHOD /path` (the query left off); the last word of several is repeated. */
export type Answers = Record<string, Answer | readonly Answer[]>;

/** A controller that answers from a table, on the socket of a home directory of its own whose path has a blank in it. */
export class FakeController {
  readonly asked: Asked[] = [];
  readonly #turns = new Map<string, number>();
  #server: Bun.Server<undefined> | null = null;

  constructor(
    readonly folder: string = mkdtempSync(join(tmpdir(), 'cutover cli-')),
    public answers: Answers = {},
  ) {}

  get home(): string {
    return join(this.folder, 'home');
  }

  /** Begins to answer; also again, after `down`. */
  up(): this {
    rmSync(controllerSocket(this.home), { force: true });
    this.#server = Bun.serve({
      unix: controllerSocket(this.home),
      fetch: async (request) => {
        const { pathname, search } = new URL(request.url);
        const text = await request.text();
        this.asked.push({
          method: request.method,
          path: pathname + search,
          body: text === '' ? null : JSON.parse(text),
        });
        return this.#answer(`${request.method} ${pathname}`);
      },
    });
    return this;
  }

  async down(): Promise<void> {
    await this.#server?.stop(true);
    this.#server = null;
    rmSync(controllerSocket(this.home), { force: true });
  }

  async end(): Promise<void> {
    await this.down();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #answer(key: string): Response {
    const found = this.answers[key];
    if (found === undefined) {
      const error: ErrorRecord = { code: 'request-invalid', message: `the fake has no answer to ${key}` };
      return Response.json({ error }, { status: 400 });
    }
    const turn = this.#turns.get(key) ?? 0;
    this.#turns.set(key, turn + 1);
    const list: readonly Answer[] = Array.isArray(found) ? (found as readonly Answer[]) : [found as Answer];
    const answer = list[Math.min(turn, list.length - 1)];
    if (!answer) throw new Error(`no answer to ${key}`);
    if ('json' in answer) return Response.json(answer.json, { status: answer.status ?? 200 });
    if ('error' in answer) return Response.json({ error: answer.error }, { status: answer.status ?? 409 });
    return new Response(stream(answer.events, answer.thenEnd ?? false), {
      headers: { 'content-type': 'text/event-stream' },
    });
  }
}

function stream(
  events: readonly (EventMessage | (() => Promise<unknown>))[],
  thenEnd: boolean,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async start(controller) {
      const send = (text: string): void => controller.enqueue(encoder.encode(text));
      send(': here\n\n');
      for (const each of events) {
        if (typeof each === 'function') await each();
        else send(`event: ${each.event}\ndata: ${JSON.stringify(each.data)}\n\n`);
      }
      if (thenEnd) controller.close();
    },
  });
}

import { chmodSync, rmSync } from 'node:fs';
import { prepareSocketDirectory } from '../config/home.ts';
import type { Address } from '../core/address.ts';
import { CutoverError, errorRecord } from '../core/errors.ts';
import type { HealthEndpoints, Question } from '../health/endpoints.ts';
import { pathnameOf } from '../health/pathname.ts';
import { type Listening, unlistenable } from './listening.ts';

const index = `GET  /live, /standby      200 or 500: what this instance is there for
GET  /health              both, and how it is, as JSON
GET  /in-flight           requests under way, if they are counted here
POST /enable/live, /enable/standby, /enable/maintenance
POST /weight/PERCENT
`;

async function answered(health: HealthEndpoints, question: Question): Promise<Response> {
  const answer = await health.answer(question);
  const { status, headers, body } = answer ?? {
    status: question.path === '/' ? 200 : 404,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
    body: index,
  };
  return new Response(question.method === 'HEAD' ? null : body, { status, headers });
}

const questionOf = (request: Request, peer: Question['peer']): Question => ({
  method: request.method,
  path: pathnameOf(request.url),
  header: (name) => request.headers.get(name),
  peer,
});

/** No question has a body. */
const most = { maxRequestBodySize: 1024, development: false } as const;

/**
 * Answers on an address, for balancers and for programs with the token.
 *
 * @throws CutoverError `address-in-use`
 */
export function listenForBalancers(listen: Address, health: HealthEndpoints): Listening {
  let server: Bun.Server<undefined>;
  try {
    server = Bun.serve({
      ...most,
      idleTimeout: 30,
      hostname: listen.host,
      port: listen.port,
      fetch: (request, own) => answered(health, questionOf(request, own.requestIP(request))),
    });
  } catch (cause) {
    throw unlistenable('--listen', listen, cause);
  }
  return {
    address: { host: listen.host, port: server.port ?? listen.port },
    close: () => server.stop(true),
  };
}

export interface LocalListening {
  close(): Promise<void>;
}

/**
 * Answers on a unix socket that only its owner can open; who comes through it needs no token.
 *
 * @throws CutoverError `agent-running` if another one answers there, `address-refused` if the socket cannot be made
 */
export async function listenLocally(path: string, health: HealthEndpoints): Promise<LocalListening> {
  prepareSocketDirectory(path);
  await expectNone(path);
  rmSync(path, { force: true });
  let server: Bun.Server<undefined>;
  // Made under a mask that leaves it to its owner from the first instant.
  const mask = process.umask(0o177);
  try {
    server = Bun.serve({
      ...most,
      unix: path,
      fetch: (request) => answered(health, questionOf(request, 'socket')),
    });
  } catch (cause) {
    throw new CutoverError(
      'address-refused',
      `the agent's socket ${path} could not be made: ${errorRecord(cause).message}`,
      { cause },
    );
  } finally {
    process.umask(mask);
  }
  chmodSync(path, 0o600);
  return {
    async close() {
      await server.stop(true);
      rmSync(path, { force: true });
    },
  };
}

async function expectNone(path: string): Promise<void> {
  try {
    await fetch('http://agent/health', { unix: path, signal: AbortSignal.timeout(2000) });
  } catch (error) {
    if (!(error instanceof Error && error.name === 'TimeoutError')) return; // Absent, or left from one that died.
  }
  throw new CutoverError('agent-running', `expected no agent at ${path}, found one`, {
    next: 'stop it first, or give this one a home of its own: --home DIR',
  });
}

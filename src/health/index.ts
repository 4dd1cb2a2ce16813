// The library `cutover/health`: the endpoints of docs/health-protocol.md for the program itself. It needs nothing but `node:` modules.
import { HealthEndpoints, type HealthOptions } from './endpoints.ts';
import type { Role } from './role.ts';
import {
  answerNode,
  type FastifyHealth,
  fastifyPlugin,
  type NodeMiddleware,
  nodeMiddleware,
  type NodeRequest,
  type NodeResponse,
} from './node.ts';
import { type AddressBook, answerWeb, type HonoHealth, honoMiddleware } from './web.ts';

export type { Answer, HealthOptions, Looks, Question, Traffic } from './endpoints.ts';
export type { Role } from './role.ts';
export { HealthEndpoints } from './endpoints.ts';

/** The endpoints of one program, for whatever server it has. */
export interface Health {
  /** `http.createServer((req, res) => { if (!health.node(req, res)) … })`: true if it has answered. */
  readonly node: (request: NodeRequest, response: NodeResponse) => boolean;
  /** `app.use(health.express)` */
  readonly express: NodeMiddleware;
  /** `await app.register(health.fastify)` */
  readonly fastify: FastifyHealth;
  /** `app.use(health.hono)` */
  readonly hono: HonoHealth;
  /** `Bun.serve({ fetch: async (request, server) => (await health.bun(request, server)) ?? … })`: null if it is for the program. */
  readonly bun: (request: Request, server: AddressBook) => Promise<Response | null>;
  /** What the program is there for now. */
  readonly role: () => Role;
  /** Changes it; on disk when it returns. */
  readonly enable: (role: Role) => void;
  /** Plain questions and answers, for any other server. */
  readonly endpoints: HealthEndpoints;
}

/**
 * Makes the endpoints.
 *
 * @throws Error if the file with the role, or the token, is there and cannot be used
 */
export function createHealth(options: HealthOptions): Health {
  const endpoints = new HealthEndpoints(options);
  return {
    node: (request, response) => answerNode(endpoints, request, response),
    express: nodeMiddleware(endpoints),
    fastify: fastifyPlugin(endpoints),
    hono: honoMiddleware(endpoints),
    bun: (request, server) => answerWeb(endpoints, request, server),
    role: () => endpoints.role().role,
    enable: (role) => void endpoints.enable(role),
    endpoints,
  };
}

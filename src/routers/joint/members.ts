import { z } from 'zod';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import { localProxy } from '../../core/proxies/rules.ts';
import { Counters, Evicted } from '../../core/traffic.ts';
import { Committed, Look, Nothing } from '../../proxy/admin/joint.ts';
import { askProxy } from '../embedded/admin-client.ts';
import type { Member } from './member.ts';

const readMs = 2000;
const evictMs = 10_000;

/** What calls a proxy on another machine, with certificates of both sides. */
export interface RemoteProxy {
  call<T>(
    name: string,
    order: unknown,
    schema: z.ZodType<T>,
    calling: { readonly timeoutMs: number },
  ): Promise<T>;
}

type Call = <T>(name: string, order: unknown, schema: z.ZodType<T>, timeoutMs: number) => Promise<T>;

const memberBy = (name: string, call: Call): Member => ({
  name,
  look: (order, ms) => call('look', order, Look, ms),
  prepare: async (order, ms) => void (await call('prepare', order, Nothing, ms)),
  hold: async (service, turn, ms) => void (await call('hold', { service, turn }, Nothing, ms)),
  commit: (service, turn, ms) => call('commit', { service, turn }, Committed, ms),
  release: async (service, turn, ms) => void (await call('release', { service, turn }, Nothing, ms)),
  counters: (service) => call('counters', { service }, Counters, readMs),
  evict: (service, eviction) => call('evict', { service, eviction }, Evicted, evictMs),
});

/** The proxy beside the controller, over its admin socket. */
export const localMember = (socket: string): Member =>
  memberBy(localProxy, (name, order, schema, timeoutMs) =>
    askProxy(socket, { method: 'POST', path: `/v1/joint/${name}`, body: order, timeoutMs }, schema),
  );

/** A proxy on another machine. `client`: as it is enrolled now. */
export const remoteMember = (name: string, client: () => RemoteProxy): Member =>
  memberBy(name, (order, body, schema, timeoutMs) => client().call(order, body, schema, { timeoutMs }));

/** One that a spec names, and no controller is enrolled at. */
export function expectEnrolled(names: readonly string[], enrolled: readonly string[], service: string): void {
  const stranger = names.find((name) => name !== localProxy && !enrolled.includes(name));
  if (stranger === undefined) return;
  throw new CutoverError(
    'proxy-refused',
    `service ${service}: expected each of router.proxies to be enrolled here, found ${stranger}, which is not`,
    {
      next: `cutover proxy token there, then cutover proxy enroll ${stranger} ADDRESS --token-file FILE here`,
    },
  );
}

/** Why one does not answer, in a line. */
export const whyAbsent = (error: unknown): string => errorRecord(error).message;

import { CutoverError, errorRecord } from '../../core/errors.ts';
import { isLeased, localRules, type RouteProxies } from '../../core/proxies/rules.ts';
import type { Turn } from '../../core/proxies/standing.ts';
import type { Route } from '../../core/traffic.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Committed, Look } from '../../proxy/admin/joint.ts';
import type { RouteCopies } from './decided-routes.ts';
import type { Member } from './member.ts';
import type { Roll } from './roll.ts';

/** For a proxy to say that it is there. */
const lookMs = 1500;
/** To check a route and get ready what it needs: other workers, say. */
const prepareMs = 10_000;
/** For an order that comes to nothing but a few writes. */
const orderMs = 3000;
const againMs = 50;

/** What came of it at one proxy. */
export interface PartDone {
  readonly name: string;
  /** `left-out`: it did not answer before the switch. `unconfirmed`: it has promised, and did not answer after the decision. */
  readonly state: 'in-force' | 'left-out' | 'unconfirmed';
  readonly committed: Committed | null;
}

export interface JointParts {
  readonly clock: Clock;
  readonly roll: Roll;
  readonly copies: RouteCopies;
  /** The epoch that the log says was decided last for the service; 0: none. */
  readonly decided: (service: string) => number;
  readonly nextTurn: (epoch: number) => Turn;
  /** Whether this controller still is the one that may decide, as the log says now. */
  readonly inOffice: () => Promise<boolean>;
}

const isAbsent = (error: unknown): boolean =>
  error instanceof CutoverError && ['proxy-absent', 'agent-absent'].includes(error.code);
const isNotReady = (error: unknown): boolean => error instanceof CutoverError && error.code === 'not-ready';

/**
 * Tells a proxy what became of a promise that it gave: the log says what was decided. Only while no switch of the service is under way, or by the switch
 * itself before it begins. The promise may be one to another controller that has taken over meanwhile: its is the word then.
 */
export async function settle(
  { decided, inOffice }: Pick<JointParts, 'decided' | 'inOffice'>,
  member: Member,
  look: Look,
  service: string,
): Promise<void> {
  const promise = look.services.find((each) => each.service === service)?.promised;
  if (!promise || !(await inOffice())) return;
  if (promise.epoch === decided(service)) await member.commit(service, promise, orderMs);
  else await member.release(service, promise, orderMs);
}

/**
 * Puts a route in force at several proxies as one: all make it ready, all hold, it is decided, all commit. Requests wait from the hold on, at each proxy
 * for as long as `hold` at most. When it resolves, no proxy begins a request by the former route: those that are in force go by the new one, one that
 * has promised begins nothing until it has heard, and one that was left out has no lease any more. Where the rules say `serve`, the last two may go
 * on by their former route for as long as they cannot ask.
 *
 * @param members those by which the service is entered before or after
 * @param former the route that was decided before; undefined: none was
 * @param decide records that the route comes in force. What may have been decided when it rejects is for the log to say.
 * @throws CutoverError `proxy-absent` if one does not answer and must not be left out; what a proxy refused the route with. Nothing has changed then.
 */
export async function applyJointly(
  parts: JointParts,
  members: readonly Member[],
  former: Route | undefined,
  route: Route,
  decide: () => Promise<void>,
): Promise<readonly PartDone[]> {
  const { clock, roll, copies } = parts;
  const { service, epoch } = route;
  const rules = route.proxies ?? localRules;
  const before = former ? (former.proxies ?? localRules) : undefined;
  // One that was not told that it may be left out would not ask.
  const mayGoOn = rules.missing === 'go-on' && (before === undefined || before.missing === 'go-on');
  const out = new Set<string>();
  const present = (): Member[] => members.filter(({ name }) => !out.has(name));

  /** Goes on without these, or refuses to. */
  const without = async (silent: readonly Silent[], turn: Turn | null): Promise<void> => {
    const left = present().length - silent.length;
    if (!mayGoOn || left === 0) {
      if (turn) await releaseAll(present(), service, turn);
      throw refused(service, silent, members.length, rules, before);
    }
    for (const { member } of silent) out.add(member.name);
    roll.leaveOut(service, out);
    if (!before || !isLeased(before)) return;
    const waitMs = Math.max(...silent.map(({ member }) => roll.leaseLeftMs(member.name, before.leaseMs)));
    if (waitMs > 0) await clock.sleep(waitMs);
  };

  try {
    for (;;) {
      const there = await each(present(), async (member) => {
        const look = await member.look({ leases: [] }, lookMs);
        roll.hear(member.name, look);
        await settle(parts, member, look, service);
      });
      if (there.refusal) throw there.refusal;
      if (there.silent.length > 0) await without(there.silent, null);

      const turn = parts.nextTurn(epoch);
      const ready = await each(present(), (member) =>
        member.prepare(
          { service, turn, route: rules.names.includes(member.name) ? route : null, decided: false },
          prepareMs,
        ),
      );
      if (ready.refusal) {
        await releaseAll(present(), service, turn);
        throw ready.refusal;
      }
      if (ready.silent.length > 0) {
        await without(ready.silent, turn);
        await releaseAll(present(), service, turn);
        continue;
      }
      copies.keep(route, parts.decided(service));

      const held = await each(present(), (member) => member.hold(service, turn, rules.holdMs));
      if (held.refusal || held.silent.length > 0) {
        // Users do not wait for what comes next.
        await releaseAll(present(), service, turn);
        if (held.refusal) throw held.refusal;
        await without(held.silent, turn);
        continue;
      }

      await decide();
      // From here on it only goes forward: whoever does not hear it now hears it later, and begins nothing by the former route until then.
      const deadline = clock.monotonic() + Math.max(rules.holdMs, orderMs);
      for (const { name } of present()) roll.commits(name);
      const done = await Promise.all(
        present().map((member) => committedAt(clock, member, service, turn, deadline)),
      );
      return [...done, ...[...out].map((name) => ({ name, state: 'left-out' as const, committed: null }))];
    }
  } finally {
    roll.leaveOut(service, new Set());
  }
}

interface Silent {
  readonly member: Member;
  readonly error: unknown;
}

/** Asks all at once: who did not answer, and with what the first refused who did. */
async function each(
  members: readonly Member[],
  ask: (member: Member) => Promise<unknown>,
): Promise<{ readonly silent: readonly Silent[]; readonly refusal: CutoverError | null }> {
  const silent: Silent[] = [];
  let refusal: CutoverError | null = null;
  await Promise.all(
    members.map(async (member) => {
      try {
        await ask(member);
      } catch (error) {
        if (isAbsent(error)) silent.push({ member, error });
        else {
          const { code, message, next, detail } = errorRecord(error);
          refusal ??= new CutoverError(code, `proxy ${member.name}: ${message}`, {
            ...(next === undefined ? {} : { next }),
            detail: { ...detail, proxy: member.name },
            cause: error,
          });
        }
      }
    }),
  );
  return { silent, refusal };
}

/** One that does not hear it is told when it is looked at next. */
async function releaseAll(members: readonly Member[], service: string, turn: Turn): Promise<void> {
  await Promise.allSettled(members.map((member) => member.release(service, turn, orderMs)));
}

async function committedAt(
  clock: Clock,
  member: Member,
  service: string,
  turn: Turn,
  deadline: number,
): Promise<PartDone> {
  const { name } = member;
  for (;;) {
    const leftMs = deadline - clock.monotonic();
    try {
      if (leftMs <= 0) return { name, state: 'unconfirmed', committed: null };
      return { name, state: 'in-force', committed: await member.commit(service, turn, leftMs) };
    } catch (error) {
      // It has lost what it had prepared: it is brought up to date when it is looked at next.
      if (!isAbsent(error) && isNotReady(error)) return { name, state: 'unconfirmed', committed: null };
    }
    await clock.sleep(Math.min(againMs, Math.max(1, deadline - clock.monotonic())));
  }
}

function refused(
  service: string,
  silent: readonly Silent[],
  all: number,
  rules: RouteProxies,
  before: RouteProxies | undefined,
): CutoverError {
  const names = silent.map(({ member }) => member.name).join(', ');
  const first = errorRecord(silent[0]?.error);
  const next =
    rules.missing === 'refuse'
      ? `start it and see that it is reached (cutover proxy members), or set router.missing: go-on to change without one`
      : before?.missing === 'refuse'
        ? 'start it: it serves by a release that does not let it be left out, so it would go on by that one'
        : 'start one of them';
  return new CutoverError(
    'proxy-absent',
    `service ${service}: expected an answer of each of its ${all} proxies, found none of ${names}; nothing was changed: ${first.message}`,
    { next, detail: { proxies: silent.map(({ member }) => member.name) } },
  );
}

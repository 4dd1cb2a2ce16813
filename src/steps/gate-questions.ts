import { z } from 'zod';
import { approvalWords } from '../core/approval-words.ts';
import { saidTo } from '../core/interventions.ts';
import type { Release } from '../core/release.ts';
import type { Gate } from '../core/spec/gate.ts';
import { isOpen, nextOpening } from '../core/time-window.ts';
import type { StepContext } from './step.ts';
import { deploymentNow } from './under-way.ts';
import { webhookTarget } from '../core/webhook-target.ts';

/** What a gate answered. */
export interface GateAnswer {
  readonly verdict: 'yes' | 'no' | 'not-yet';
  /** In a few words: who or what said so, or what is still waited for. */
  readonly says: string;
  /** When it is worth asking again, in milliseconds; what the log tells may answer sooner. */
  readonly againMs: number;
  readonly output?: readonly string[];
}

/** Where a gate stands. */
export interface GatePlace {
  readonly gate: Gate;
  /** Its number in the spec, from 1. */
  readonly number: number;
  readonly name: string;
  readonly before: string;
  /** The place of its step in the plan. */
  readonly step: number;
  readonly release: Release;
}

/** Nothing stays unseen for longer, also if the clock of the machine is set. */
const longestMs = 60_000;

/** Asks a gate once; heeds the signal. */
export function ask(place: GatePlace, context: StepContext, signal: AbortSignal): Promise<GateAnswer> {
  const { approval, window, command } = place.gate;
  if (approval) return Promise.resolve(askPeople(place, approval, context));
  if (window) return Promise.resolve(askClock(window, context));
  return command ? askCommand(place, command, context, signal) : askWebhook(place, context, signal);
}

function askPeople(
  { step }: GatePlace,
  { count }: NonNullable<Gate['approval']>,
  context: StepContext,
): GateAnswer {
  const deployment = deploymentNow(context);
  const { approvals, rejected } = saidTo(deployment, step);
  const againMs = longestMs;
  if (rejected)
    return {
      verdict: 'no',
      says: `rejected by ${rejected.by}${rejected.reason === null ? '' : `: ${rejected.reason}`}`,
      againMs,
    };
  if (approvals.length >= count)
    return { verdict: 'yes', says: `approved by ${approvals.map(({ by }) => by).join(', ')}`, againMs };
  return {
    verdict: 'not-yet',
    says: approvalWords(context.service(), deployment, step) ?? 'waiting for approval',
    againMs,
  };
}

function askClock(window: NonNullable<Gate['window']>, context: StepContext): GateAnswer {
  const now = context.clock.now();
  if (isOpen(window, now)) return { verdict: 'yes', says: 'within its times', againMs: 0 };
  const opening = nextOpening(window, now);
  return {
    verdict: 'not-yet',
    says:
      opening === null
        ? 'waiting for a window that does not open within two years'
        : `waiting for the window: it opens ${new Date(opening).toISOString().replace('.000Z', 'Z')}`,
    againMs: Math.min(longestMs, opening === null ? longestMs : Math.max(1, opening - now)),
  };
}

async function askCommand(
  { gate, name, number, before, release }: GatePlace,
  command: readonly string[],
  context: StepContext,
  signal: AbortSignal,
): Promise<GateAnswer> {
  const { plan, by } = deploymentNow(context);
  const variables = {
    CUTOVER_SERVICE: context.service().name,
    CUTOVER_DEPLOYMENT: String(context.deployment),
    CUTOVER_RELEASE: String(plan.release),
    CUTOVER_VERSION: release.version,
    CUTOVER_GATE: String(number),
    CUTOVER_BEFORE: before,
    CUTOVER_BY: by,
  };
  const place = { variables, directory: release.base };
  const found = await context.commands.run(command, place, gate.attempt, signal);
  const output = found.output === undefined ? {} : { output: found.output };
  const says = found.detail;
  if (found.ok) return { verdict: 'yes', says, againMs: 0, ...output };
  if (found.exitCode !== undefined && gate.deny?.includes(found.exitCode))
    return { verdict: 'no', says: `${name} said no by exit code ${found.exitCode}`, againMs: 0, ...output };
  return { verdict: 'not-yet', says: `waiting for ${name}: ${says}`, againMs: gate.interval, ...output };
}

const Reply = z.looseObject({
  decision: z.enum(['approved', 'denied', 'pending']),
  by: z.string().max(200).optional(),
  reason: z.string().max(500).optional(),
});

async function askWebhook(
  { gate, name, number, before, release }: GatePlace,
  context: StepContext,
  signal: AbortSignal,
): Promise<GateAnswer> {
  if (!gate.webhook) throw new Error(`gate ${number} has no webhook`);
  const { plan, by } = deploymentNow(context);
  const service = context.service().name;
  const body = JSON.stringify({
    type: 'gate',
    service,
    deployment: context.deployment,
    release: plan.release,
    version: release.version,
    gate: number,
    name,
    before,
    by,
    reason: gate.reason ?? null,
  });
  const {
    ok,
    detail,
    body: answer,
  } = await context.webhooks.send(
    webhookTarget(gate.webhook, release.base),
    // Each question is one of its own: an answer to the one before says nothing about it.
    { id: `${service}-${context.deployment}-gate-${number}-${context.clock.now()}`, body },
    { timeoutMs: gate.attempt, retries: 0, backoffMs: 0 },
    signal,
  );
  const againMs = gate.interval;
  if (!ok) return { verdict: 'not-yet', says: `waiting for ${name}: ${detail}`, againMs };
  const reply = replyIn(answer);
  if (!reply)
    return {
      verdict: 'not-yet',
      says: `waiting for ${name}: expected {"decision": "approved"}, "denied" or "pending" as JSON, found ${answer.length} characters of something else`,
      againMs,
    };
  const who = `${name}${reply.by === undefined ? '' : ` (${line(reply.by)})`}`;
  const why = reply.reason === undefined ? '' : `: ${line(reply.reason)}`;
  switch (reply.decision) {
    case 'approved':
      return { verdict: 'yes', says: `approved by ${who}${why}`, againMs };
    case 'denied':
      return { verdict: 'no', says: `denied by ${who}${why}`, againMs };
    case 'pending':
      return { verdict: 'not-yet', says: `waiting for ${who}${why}`, againMs };
  }
}

function replyIn(text: string): z.infer<typeof Reply> | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Whatever it is, it is no answer.
    return null;
  }
  const parsed = Reply.safeParse(value);
  return parsed.success ? parsed.data : null;
}

/** What others wrote, in one line: it goes into the log and onto terminals. */
const line = (text: string): string => text.replaceAll(/\p{Cc}+/gu, ' ');

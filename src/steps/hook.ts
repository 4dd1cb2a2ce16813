import { formatAddress } from '../core/address.ts';
import { formatDuration } from '../core/duration.ts';
import { CutoverError } from '../core/errors.ts';
import { hookDocument, hookFacts, hookVariables } from '../core/hook-facts.ts';
import { keptOutput, type HookRun } from '../core/hook-run.ts';
import { pausedBy } from '../core/interventions.ts';
import { addressesOf, type Placement } from '../core/placement.ts';
import type { PlannedStep } from '../core/plan.ts';
import { releaseOf } from '../core/service.ts';
import { routedLayer } from '../core/spec.ts';
import type { Hook } from '../core/spec/hook.ts';
import { routeUpstreamOf } from '../core/upstream.ts';
import { webhookTarget } from '../core/webhook-target.ts';
import type { CommandPlace } from '../ports/command.ts';
import { nothingToUndo, type Step, type StepContext, type StepDone } from './step.ts';
import { deploymentNow } from './under-way.ts';

type PlannedHook = Extract<PlannedStep, { kind: 'hook' }>;

const failing: Readonly<Record<PlannedHook['onFailure'], string>> = {
  'roll-back': 'if it fails, the deployment is taken back',
  stop: 'if it fails, the deployment waits for a person',
  'go-on': 'if it fails, that is told and the deployment goes on',
};

const called = ({ name, runs }: PlannedHook): string => (name === runs ? runs : `${name} (${runs})`);

export const hook: Step<'hook'> = {
  describe(planned) {
    const { when, stage, timeoutMs, onFailure, undo } = planned;
    const what = `${when} ${stage}: run ${called(planned)}, for at most ${formatDuration(timeoutMs)}`;
    return undo ? `only if the traffic goes back, ${what}` : `${what}; ${failing[onFailure]}`;
  },
  describeUndo: (planned) =>
    planned.undo ? `${planned.when} ${planned.stage}: run ${called(planned)}` : null,

  async run(planned, context) {
    if (planned.undo) return { says: 'nothing to do unless the traffic goes back' };
    const found = await runUntilNobodyWaits(planned, context);
    const event = { type: 'hook-ended' as const, deployment: context.deployment, ...found };
    if (found.ok) return { says: `${planned.name}: ${found.detail}`, events: [event] };
    if (planned.onFailure === 'go-on') return { says: wentOn(found), events: [event] };
    await context.record(event);
    throw new CutoverError(
      'hook-failed',
      `hook ${planned.name}, ${found.when} ${found.stage}: ${found.detail}`,
      {
        next: 'mend what it found, or the hook; onFailure: go-on lets a deployment go on without it',
        ...(found.output.length > 0 && { detail: { output: found.output } }),
      },
    );
  },

  async undo(planned, context) {
    if (!planned.undo) return nothingToUndo();
    const { switches, weighed, hooks } = deploymentNow(context);
    // What it belongs to never came about, so nothing goes back.
    if (switches.length === 0 && weighed.length === 0) return { says: 'no traffic had moved' };
    const { id } = hookFacts(context.service(), deploymentNow(context), planned);
    // A canary moves the traffic in parts, and has this ready behind each of them.
    if (hooks.some((run) => run.id === id)) return { says: `${planned.name} was run already` };
    const found = await runHook(planned, context);
    const done: StepDone = {
      says: found.ok ? `${planned.name}: ${found.detail}` : wentOn(found),
      events: [{ type: 'hook-ended', deployment: context.deployment, ...found }],
    };
    return done;
  },
};

const wentOn = ({ name, detail }: HookRun): string => `${name} failed, and it goes on: ${detail}`;

/** Who has paused a deployment, where it was a hook that failed. */
const byHook = ({ name }: PlannedHook): string => `hook ${name}`.slice(0, 200);
/** How long is waited at most without a look at the log, which tells of what a person says. */
const lookMs = 60_000;

/** As `runHook`; one that fails and says `stop` pauses the deployment, and is run again each time it is resumed. */
async function runUntilNobodyWaits(planned: PlannedHook, context: StepContext): Promise<HookRun> {
  const { deployment } = context;
  for (;;) {
    // Also after a crash: the pause is in the log.
    while (pausedBy(deploymentNow(context))?.by === byHook(planned)) {
      context.report(
        `${planned.name} failed: cutover resume tries it again, cutover abort takes the deployment back`,
      );
      await context.untilChange(lookMs);
    }
    const found = await runHook(planned, context);
    if (found.ok || planned.onFailure !== 'stop') return found;
    await context.record(
      { type: 'hook-ended', deployment, ...found },
      { type: 'pause-requested', deployment, by: byHook(planned), reason: found.detail.slice(0, 500) },
    );
  }
}

/** Runs a hook to its end, tries included. Rejects only if the deployment is aborted or the controller stops. */
async function runHook(planned: PlannedHook, context: StepContext): Promise<HookRun> {
  const { name, when, stage } = planned;
  const written = context.release(planned.of).spec.hooks[planned.hook];
  if (!written) throw new CutoverError('internal', `release ${planned.of} has no hook ${planned.hook + 1}`);
  context.report(`${name}, ${when} ${stage}`);
  const begun = context.clock.monotonic();
  const { id } = hookFacts(context.service(), deploymentNow(context), planned);
  const said = { id, name, when, stage };
  const result =
    written.webhook === undefined
      ? await runCommand(planned, written, context)
      : await sendWebhook(planned, written, context);
  context.signal.throwIfAborted();
  return { ...said, ...result, ms: context.clock.monotonic() - begun };
}

type Result = Pick<HookRun, 'ok' | 'detail' | 'tries' | 'output'>;

/** All tries before a rollback end within its time: the traffic waits for them. */
const withinOf = ({ when, stage, timeoutMs }: PlannedHook): number =>
  when === 'before' && stage === 'rollback' ? timeoutMs : Infinity;

async function runCommand(planned: PlannedHook, written: Hook, context: StepContext): Promise<Result> {
  const { clock, signal } = context;
  const { retries = 0, backoff, command = [] } = written;
  const place = await placeOf(planned, written, context);
  const begun = clock.monotonic();
  const left = (): number => withinOf(planned) - (clock.monotonic() - begun);
  for (let tries = 1, wait = backoff; ; tries++, wait *= 2) {
    const {
      ok,
      detail,
      output = [],
    } = await context.commands.run(command, place, Math.max(1, Math.min(planned.timeoutMs, left())), signal);
    signal.throwIfAborted();
    if (ok || tries > retries || wait >= left())
      return {
        ok,
        detail: tries > 1 ? `${detail}, at try ${tries}` : detail,
        tries,
        output: keptOutput(output),
      };
    context.report(`${planned.name} failed, tried again in ${formatDuration(wait)}: ${detail}`);
    await clock.sleep(wait, signal);
  }
}

async function sendWebhook(planned: PlannedHook, written: Hook, context: StepContext): Promise<Result> {
  const { webhook, retries = 2, backoff } = written;
  if (!webhook) throw new CutoverError('internal', 'a hook without a webhook');
  const facts = hookFacts(context.service(), deploymentNow(context), planned);
  const body = hookDocument(facts, { at: context.clock.now(), url: urlOf(planned, context) });
  const withinMs = withinOf(planned);
  const { ok, detail, tries } = await context.webhooks.send(
    webhookTarget(webhook, context.release(planned.of).base),
    { id: facts.id, body },
    { timeoutMs: planned.timeoutMs, retries, backoffMs: backoff, withinMs },
    context.signal,
  );
  return { ok, detail, tries, output: [] };
}

/** Where the release that the stage is about was placed, if it was. */
function placementOf({ colour, release }: PlannedHook, context: StepContext): Placement | null {
  const environment = context.service().environments[colour];
  return environment.release === release ? environment.placement : null;
}

/** The first instance that gets traffic, as a URL. */
function urlOf(planned: PlannedHook, context: StepContext): string | null {
  const placement = placementOf(planned, context);
  const { spec, base } = context.release(planned.release);
  const [address] = placement ? addressesOf(placement, routedLayer(spec)) : [];
  if (!address) return null;
  const scheme = routeUpstreamOf(spec.router.upstream, base)?.tls ? 'https' : 'http';
  return `${scheme}://${formatAddress(address)}`;
}

async function placeOf(planned: PlannedHook, written: Hook, context: StepContext): Promise<CommandPlace> {
  const { platform } = context;
  const own = context.release(planned.of);
  const placement = placementOf(planned, context);
  const about = releaseOf(context.service(), planned.release);
  const given =
    placement && about && (about.digest ?? null) !== null
      ? await platform.variables(context.environment(planned.colour), about, placement)
      : {};
  const texts: Record<string, string> = {};
  const files: Record<string, string> = {};
  for (const [name, value] of Object.entries(written.variables ?? {}))
    if (typeof value === 'string') texts[name] = value;
    else files[name] = fileIn(own.base, value.file);
  const url = urlOf(planned, context);
  const facts = hookVariables(hookFacts(context.service(), deploymentNow(context), planned));
  // Before it was shipped there is no folder of the release, only that of the spec.
  const directory =
    own.digest === null
      ? own.base
      : (await platform.ship(context.service().name, own, context.signal)).directory;
  return {
    variables: { ...given, ...texts, ...facts, ...(url !== null && { CUTOVER_URL: url }) },
    files,
    directory,
  };
}

const fileIn = (base: string, path: string): string => (path.startsWith('/') ? path : `${base}/${path}`);

import fc from 'fast-check';
import { noEvidence } from '../core/analysis/evidence.ts';
import type { MeasureState } from '../core/analysis/state.ts';
import { colours } from '../core/colour.ts';
import { errorTable, type ErrorCode } from '../core/errors.ts';
import type { ServiceEvent } from '../core/event.ts';
import { modeNames } from '../core/mode.ts';
import { noticeKinds } from '../core/notice-kinds.ts';
import type { Placement } from '../core/placement.ts';
import type { Plan, PlannedStep } from '../core/plan.ts';
import { hookStages } from '../core/spec/hook.ts';
import { MirrorSpec, routeMirrorOf } from '../core/spec/mirror.ts';
import type { Verdict } from '../core/verdict.ts';
import { emptySide, nothingTold, type Counters } from '../core/traffic.ts';

/** A spec as a user writes it, the smallest there is. */
export const smallSpec = {
  service: 'shop',
  router: { listen: '127.0.0.1:8080' },
  environments: { layers: { web: { command: ['node', 'server.js'] } } },
} as const;

const number = fc.integer({ min: 1, max: 3 });
const step = fc.integer({ min: 0, max: 3 });
const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const time = fc.integer({ min: 0, max: 100_000 });
const colour = fc.constantFrom(...colours);
const codes = Object.keys(errorTable) as ErrorCode[];
const error = fc.record(
  { code: fc.constantFrom(...codes), message: text },
  { requiredKeys: ['code', 'message'] },
);
const placement: fc.Arbitrary<Placement> = fc
  .integer({ min: 1, max: 65535 })
  .map((port) => ({ instances: [{ layer: 'web', index: 0, address: { host: '127.0.10.1', port } }] }));
const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  fc.constant({ verdict: 'safe' as const }),
  fc.record({ verdict: fc.constant('lossy' as const), writes: fc.nat(100) }),
  fc.record({ verdict: fc.constant('unsafe' as const), why: text }),
);
const counters: fc.Arbitrary<Counters> = fc
  .record({ at: time, requests: fc.nat(1000) })
  .map(({ at, requests }) => ({
    bootId: 'boot',
    at,
    blue: { ...emptySide(), requests, latency: [[3, requests]] },
    green: emptySide(),
    refused: {},
    told: nothingTold,
    queued: 0,
  }));

const measureState: fc.Arbitrary<MeasureState> = fc
  .record({
    judgement: fc.constantFrom('waiting' as const, 'good' as const, 'bad' as const, 'none' as const),
    says: text,
    samples: fc.nat(1000),
  })
  .map((judged) => ({
    ...judged,
    name: 'failures',
    value: 0.5,
    other: null,
    unit: 'share',
    limit: { of: 1, bad: 0, latency: [[3, 1]], breaches: 0, judged: false },
    test: {
      evidence: noEvidence(),
      pending: { fresh: { of: 0, bad: 0 }, against: { of: 0, bad: 0 }, above: null },
      ranks: 0,
      nextRank: 0,
      proven: false,
    },
    awaySince: null,
  }));

const sideCount = fc.record({ requests: time, failed: time, writes: time });
const planned: fc.Arbitrary<PlannedStep> = fc.oneof(
  fc.record({ kind: fc.constant('prepare' as const), colour, release: number, retires: fc.option(number) }),
  fc.record({
    kind: fc.constantFrom('ship' as const, 'start' as const, 'health' as const, 'retire' as const),
    colour,
    release: number,
  }),
  fc.record({ kind: fc.constant('warm' as const), colour, release: number, atMostMs: time }),
  fc.record({
    kind: fc.constant('weigh' as const),
    from: colour,
    to: colour,
    release: number,
    weight: fc.integer({ min: 0, max: 100 }),
  }),
  fc.record({
    kind: fc.constantFrom('withdraw' as const, 'rejoin' as const),
    colour,
    live: colour,
    release: number,
    weights: fc.record({ blue: fc.integer({ min: 1, max: 100 }), green: fc.integer({ min: 0, max: 100 }) }),
  }),
  fc.record({
    kind: fc.constant('gate' as const),
    gate: number,
    release: number,
    name: text,
    before: text,
    waitsFor: fc.constantFrom('approval', 'window', 'command', 'webhook'),
    what: text,
    timeoutMs: fc.option(time),
    onTimeout: fc.constantFrom('fail', 'go-on'),
    reason: fc.option(text),
  }),
  fc.record({
    kind: fc.constant('hold' as const),
    colour,
    release: number,
    back: fc.option(colour),
    weight: fc.integer({ min: 0, max: 100 }),
    forMs: fc.option(time),
  }),
  fc.record({ kind: fc.constant('switch' as const), from: fc.option(colour), to: colour, release: number }),
  fc.record({
    kind: fc.constant('hook' as const),
    hook: fc.nat(3),
    of: number,
    name: text,
    runs: text,
    when: fc.constantFrom('before' as const, 'after' as const),
    stage: fc.constantFrom(...hookStages),
    colour,
    release: number,
    from: fc.option(colour),
    timeoutMs: time,
    onFailure: fc.constantFrom('stop' as const, 'go-on' as const, 'roll-back' as const),
    undo: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('mirror' as const),
    from: colour,
    colour,
    release: number,
    share: fc.constantFrom(0.01, 1),
    forMs: time,
    leastRequests: fc.nat(100),
    limit: fc.constantFrom(0, 0.01),
  }),
  fc.record({ kind: fc.constant('shorten' as const), keptMs: time, forMs: time }),
  fc.record({
    kind: fc.constant('expire' as const),
    colour,
    forMs: time,
    back: fc.record({ forMs: time, quietMs: time, atMostMs: time }),
  }),
  fc.record({
    kind: fc.constant('linger' as const),
    colour,
    to: colour,
    release: number,
    forMs: time,
    quietMs: time,
    atMostMs: time,
  }),
  fc.record({ kind: fc.constant('lengthen' as const), forMs: time }),
  fc.record({ kind: fc.constant('drain' as const), colour, forMs: time, closeOverMs: fc.option(time) }),
);
const plan: fc.Arbitrary<Plan> = fc.record({
  kind: fc.constantFrom('deploy' as const, 'rollback' as const, 'switch' as const, 'retire' as const),
  strategy: fc.constant('blue-green'),
  release: number,
  steps: fc.array(planned, { minLength: 1, maxLength: 4 }),
  later: fc.array(planned, { maxLength: 1 }),
  notes: fc.array(text, { maxLength: 1 }),
});

const notice = {
  id: text,
  on: fc.constantFrom(...noticeKinds),
  deployment: fc.option(number),
  release: number,
  target: step,
  name: text,
};

/** An arbitrary for each type of event, by its name: numbers are small, so that many of them meet. */
export const eventArbitraries: {
  readonly [Type in ServiceEvent['type']]: fc.Arbitrary<Extract<ServiceEvent, { type: Type }>>;
} = {
  'release-created': fc.record({
    type: fc.constant('release-created'),
    number,
    version: fc.string({ minLength: 1, maxLength: 10 }),
    source: fc.record({ kind: fc.constant('directory' as const), path: text }),
    base: text,
    spec: fc.constant(smallSpec),
    by: text,
  }),
  'deployment-started': fc.record({
    type: fc.constant('deployment-started'),
    deployment: number,
    plan,
    by: text,
    reason: fc.option(text),
    verdict: fc.option(verdict),
  }),
  'step-started': fc.record({ type: fc.constant('step-started'), deployment: number, step }),
  'step-done': fc.record({ type: fc.constant('step-done'), deployment: number, step, says: text }),
  'step-failed': fc.record({ type: fc.constant('step-failed'), deployment: number, step, error }),
  'hook-ended': fc.record({
    type: fc.constant('hook-ended'),
    deployment: number,
    id: text,
    name: text,
    when: fc.constantFrom('before', 'after'),
    stage: fc.constantFrom(...hookStages),
    ok: fc.boolean(),
    detail: text,
    tries: number,
    ms: time,
    output: fc.array(text, { maxLength: 2 }),
  }),
  'analysis-looked': fc.record({
    type: fc.constant('analysis-looked'),
    deployment: number,
    step,
    state: fc.record({
      since: time,
      looks: fc.nat(1000),
      seen: fc.option(counters),
      fresh: fc.constant(emptySide()),
      against: fc.constant(emptySide()),
      measures: fc.array(measureState, { maxLength: 2 }),
    }),
  }),
  'abort-requested': fc.record({
    type: fc.constant('abort-requested'),
    deployment: number,
    by: text,
    reason: fc.option(text),
    verdict: fc.option(verdict),
  }),
  'pause-requested': fc.record({
    type: fc.constant('pause-requested'),
    deployment: number,
    by: text,
    reason: fc.option(text),
  }),
  'resume-requested': fc.record({
    type: fc.constant('resume-requested'),
    deployment: number,
    by: text,
    step: fc.option(step),
  }),
  'approval-given': fc.record({
    type: fc.constant('approval-given'),
    deployment: number,
    by: text,
    step,
    approved: fc.boolean(),
    reason: fc.option(text),
  }),
  'promotion-requested': fc.record({
    type: fc.constant('promotion-requested'),
    deployment: number,
    by: text,
    force: fc.boolean(),
  }),
  'turned-back': fc.record({ type: fc.constant('turned-back'), deployment: number, error }),
  'deployment-frozen': fc.record({
    type: fc.constant('deployment-frozen'),
    deployment: number,
    error,
    verdict,
  }),
  'decision-taken': fc.record({
    type: fc.constant('decision-taken'),
    deployment: number,
    decision: fc.constantFrom('back', 'keep'),
    by: text,
    reason: fc.option(text),
    verdict: fc.option(verdict),
  }),
  'undo-started': fc.record({ type: fc.constant('undo-started'), deployment: number, step }),
  'undo-done': fc.record({ type: fc.constant('undo-done'), deployment: number, step, says: text }),
  'undo-failed': fc.record({ type: fc.constant('undo-failed'), deployment: number, step, error }),
  'deployment-ended': fc.record({
    type: fc.constant('deployment-ended'),
    deployment: number,
    outcome: fc.constantFrom('succeeded', 'undone', 'frozen'),
  }),
  'receipt-recorded': fc.record({
    type: fc.constant('receipt-recorded'),
    deployment: number,
    receipt: fc.constant(emptyReceipt()),
  }),
  'environment-prepared': fc.record({
    type: fc.constant('environment-prepared'),
    colour,
    release: number,
    placement,
  }),
  'release-shipped': fc.record({
    type: fc.constant('release-shipped'),
    release: number,
    digest: text,
  }),
  'environment-started': fc.record({ type: fc.constant('environment-started'), colour, release: number }),
  'environment-healthy': fc.record({ type: fc.constant('environment-healthy'), colour, release: number }),
  'environment-reduced': fc.record({
    type: fc.constant('environment-reduced'),
    colour,
    release: number,
    placement,
    lost: fc.array(text),
  }),
  'environment-warmed': fc.record({
    type: fc.constant('environment-warmed'),
    deployment: number,
    colour,
    warmth: fc.record({
      release: number,
      instances: number,
      settled: step,
      requests: time,
      failed: time,
      firstMs: fc.option(time),
      p50Ms: fc.option(time),
      ms: time,
    }),
  }),
  'environment-verified': fc.record({ type: fc.constant('environment-verified'), colour, release: number }),
  'environment-sized': fc.record({
    type: fc.constant('environment-sized'),
    colour,
    release: number,
    started: fc.nat(2),
    healthy: fc.nat(2),
  }),
  'environment-kept': fc.record({
    type: fc.constant('environment-kept'),
    colour,
    release: number,
    until: time,
  }),
  'environment-retired': fc.record({ type: fc.constant('environment-retired'), colour }),
  'mode-set': fc.record({
    type: fc.constant('mode-set'),
    mode: fc.record({
      mode: fc.constantFrom(...modeNames),
      writes: fc.constantFrom('hold', 'refuse'),
      waitMs: fc.integer({ min: 0, max: 1000 }),
      queue: fc.integer({ min: 0, max: 1000 }),
      pace: fc.integer({ min: 1, max: 1000 }),
      retryAfterS: fc.integer({ min: 0, max: 1000 }),
      page: fc.option(fc.record({ type: fc.constantFrom('html', 'text'), text })),
    }),
    by: text,
    reason: fc.option(text),
  }),
  'notice-due': fc.record({ type: fc.constant('notice-due'), ...notice }),
  'notice-ended': fc.record({
    type: fc.constant('notice-ended'),
    ...notice,
    sent: fc.boolean(),
    detail: text,
    tries: number,
  }),
  'route-ordered': fc.record(
    {
      type: fc.constant('route-ordered' as const),
      deployment: fc.option(number),
      epoch: number,
      live: colour,
      weights: fc.integer({ min: 0, max: 100 }).map((blue) => ({ blue, green: 100 - blue })),
    },
    { requiredKeys: ['type', 'deployment', 'epoch', 'live'] },
  ),
  'route-decided': fc.record({ type: fc.constant('route-decided' as const), epoch: number }),
  'traffic-weighed': fc.record({
    type: fc.constant('traffic-weighed'),
    deployment: number,
    epoch: number,
    to: colour,
    weight: fc.integer({ min: 0, max: 100 }),
    holdMs: time,
    held: time,
    bootId: text,
    blue: sideCount,
    green: sideCount,
  }),
  'traffic-switched': fc.record({
    type: fc.constant('traffic-switched'),
    deployment: number,
    epoch: number,
    from: fc.option(colour),
    to: colour,
    switchMs: fc.double({ min: 0, max: 100, noNaN: true }).map(Math.abs),
    holdMs: time,
    held: time,
  }),
  'lease-granted': fc.record({
    type: fc.constant('lease-granted'),
    deployment: fc.option(number),
    colour,
    epoch: number,
  }),
  'lease-released': fc.record({
    type: fc.constant('lease-released'),
    deployment: fc.option(number),
    colour,
    epoch: number,
  }),
  'writes-counted': fc.record({
    type: fc.constant('writes-counted'),
    side: colour,
    bootId: fc.constantFrom('boot', 'another'),
    writes: fc.nat(1000),
  }),
  'traffic-measured': fc.record({
    type: fc.constant('traffic-measured'),
    deployment: number,
    moment: fc.constantFrom('start', 'switch', 'settled', 'end'),
    counters,
  }),
  'mirror-set': fc.record({
    type: fc.constant('mirror-set'),
    deployment: number,
    mirror: fc.option(colour.map((to) => routeMirrorOf(MirrorSpec.parse({}), 'deployment-1', to))),
  }),
  'mirror-compared': fc.record({
    type: fc.constant('mirror-compared'),
    deployment: number,
    summary: fc.record({ compared: fc.nat(1000), differing: fc.nat(1000) }).map((counts) => ({
      ...{ id: 'deployment-1', from: 'blue' as const, to: 'green' as const, share: 0.05, tookMs: 1000 },
      ...{ ...counts, noisy: 0, controls: 0, skipped: {} },
      latency: { live: { p50Ms: 1, p99Ms: null }, idle: { p50Ms: 1, p99Ms: 2 } },
      causes: [],
    })),
  }),
  'traffic-lingered': fc.record({
    type: fc.constant('traffic-lingered'),
    deployment: number,
    colour,
    ms: time,
    late: fc.option(time),
    lastAt: fc.option(time),
    left: fc.boolean(),
  }),
  'traffic-drained': fc.record({
    type: fc.constant('traffic-drained'),
    deployment: number,
    colour,
    drainMs: time,
    left: time,
  }),
};

function emptyReceipt(): Extract<ServiceEvent, { type: 'receipt-recorded' }>['receipt'] {
  const side = {
    release: null,
    requests: 0,
    failed: {},
    held: 0,
    retried: 0,
    writes: 0,
    clientClosed: 0,
    status: {},
  };
  return {
    ...{
      service: 'shop',
      deployment: 1,
      kind: 'deploy',
      release: 1,
      version: '1',
      outcome: 'succeeded',
      by: 'ada',
      mode: 'open',
    },
    ...{ startedAt: 1, endedAt: 2, requests: 0, failed: 0, held: 0, retried: 0 },
    environments: { blue: side, green: side },
    ...{
      latency: null,
      switch: null,
      switchBack: null,
      drainMs: null,
      leftAfterDrain: null,
      steps: [],
      timeline: null,
      gaps: [],
      previous: null,
      hash: '0'.repeat(64),
    },
  };
}

/** Any event: most sequences of these are impossible, and the fold says so. */
export const anyEvent: fc.Arbitrary<ServiceEvent> = fc.oneof(...Object.values(eventArbitraries));

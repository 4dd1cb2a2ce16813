import type { Receipt } from '../../core/receipt.ts';
import type {
  DeploymentView,
  EnvironmentView,
  ModeView,
  PlanView,
  ServiceView,
  StatusView,
  StepView,
  SwitchedView,
} from '../../server/api.ts';
import { version } from '../version.ts';

/** A moment that all fixtures stand around: local noon, so that the texts are the same in every time zone. */
export const noon = new Date(2026, 2, 1, 12, 0, 0).getTime();

export const step = (kind: StepView['kind'], change: Partial<StepView> = {}): StepView => ({
  kind,
  describe: `${kind} release 2 on green`,
  describeUndo: null,
  status: 'pending',
  startedAt: null,
  endedAt: null,
  attempts: 0,
  says: null,
  error: null,
  ...change,
});

export const done = (kind: StepView['kind'], says: string, ms = 40): StepView =>
  step(kind, { status: 'done', startedAt: noon, endedAt: noon + ms, attempts: 1, says });

const side = (release: number, requests: number): Receipt['environments']['blue'] => ({
  release,
  requests,
  failed: {},
  held: 0,
  retried: 0,
  writes: 0,
  clientClosed: 0,
  status: { '2xx': requests },
});

export const receipt: Receipt = {
  service: 'shop',
  deployment: 2,
  kind: 'deploy',
  release: 2,
  version: 'v2',
  outcome: 'succeeded',
  by: 'me@host',
  mode: 'open',
  startedAt: noon,
  endedAt: noon + 8200,
  requests: 12_345,
  failed: 0,
  held: 3,
  retried: 1,
  environments: { blue: side(1, 6000), green: side(2, 6345) },
  latency: {
    before: { requests: 6000, p50Ms: 1.2, p99Ms: 3.4 },
    during: { requests: 345, p50Ms: 1.3, p99Ms: 5 },
    after: { requests: 6000, p50Ms: 1.2, p99Ms: 3.1 },
  },
  switch: { from: 'blue', to: 'green', epoch: 5, at: noon + 3000, switchMs: 1.9, holdMs: 1.2 },
  switchBack: null,
  drainMs: 30,
  leftAfterDrain: 0,
  steps: [
    { kind: 'prepare', status: 'done', startedAt: noon, ms: 12 },
    { kind: 'switch', status: 'done', startedAt: noon + 2998, ms: 2 },
  ],
  timeline: null,
  gaps: [],
  previous: null,
  hash: 'a'.repeat(64),
};

export const deployment = (change: Partial<DeploymentView> = {}): DeploymentView => ({
  service: 'shop',
  id: 2,
  kind: 'deploy',
  release: 2,
  version: 'v2',
  by: 'me@host',
  status: 'running',
  startedAt: noon,
  endedAt: null,
  steps: [
    done('prepare', 'green at 127.0.1.2:8080', 12),
    step('health', {
      status: 'running',
      startedAt: noon + 12,
      attempts: 1,
      describe: 'wait until every instance of release 2 on green is healthy',
    }),
    step('switch', {
      describe: 'switch the traffic from blue to green',
      describeUndo: 'switch the traffic back to blue',
    }),
  ],
  notes: [],
  abortedBy: null,
  reason: null,
  verdict: null,
  frozenAt: null,
  decision: null,
  failure: null,
  receipt: null,
  logVersion: 10,
  ...change,
});

/** The same deployment, at its good end. */
export const succeeded = (change: Partial<DeploymentView> = {}): DeploymentView =>
  deployment({
    status: 'succeeded',
    endedAt: noon + 8200,
    receipt,
    logVersion: 20,
    steps: [
      done('prepare', 'green at 127.0.1.2:8080', 12),
      done('health', '2 of 2 healthy after 300ms', 300),
      done('switch', 'green is live after 1.9ms', 2),
    ],
    ...change,
  });

/** The same deployment, turned back by a check that failed. */
export const undone = (change: Partial<DeploymentView> = {}): DeploymentView => {
  const failure = {
    code: 'verify-failed',
    message: 'the home page against 127.0.1.2:8080 on green: expected a status of 2xx, found 500',
    next: 'the release was not switched to; mend it and deploy again',
    detail: { log: ['web[0] | Error: no tea'] },
  } as const;
  return deployment({
    status: 'undone',
    endedAt: noon + 1500,
    failure,
    receipt: { ...receipt, outcome: 'undone', switch: null, drainMs: null, leftAfterDrain: null },
    logVersion: 20,
    steps: [
      step('prepare', {
        status: 'undone',
        startedAt: noon,
        endedAt: noon + 12,
        attempts: 1,
        says: 'green is empty',
        describeUndo: 'empty green',
      }),
      step('verify', {
        status: 'undone',
        startedAt: noon + 12,
        endedAt: noon + 400,
        attempts: 1,
        says: 'nothing to take back',
        error: failure,
      }),
      step('switch', { describe: 'switch the traffic from blue to green' }),
    ],
    ...change,
  });
};

const environment = (colour: 'blue' | 'green', change: Partial<EnvironmentView>): EnvironmentView => ({
  colour,
  role: 'idle',
  phase: 'empty',
  release: null,
  version: null,
  keptUntil: null,
  instances: [],
  traffic: { requests: 0, failed: 0, inFlight: 0, p50Ms: null, p99Ms: null },
  ...change,
});

const instance = (host: string, index: number, release: number): EnvironmentView['instances'][number] => ({
  layer: 'web',
  index,
  release,
  address: { host, port: 8080 + index },
  state: 'running',
  pid: 4000 + release * 10 + index,
  startedAt: noon - 600_000,
  restarts: 0,
  lastExit: null,
});

export const service = (change: Partial<ServiceView> = {}): ServiceView => ({
  name: 'shop',
  live: 'green',
  mode: null,
  epoch: 5,
  listen: '127.0.0.1:8080',
  preview: '127.0.0.1:8081',
  environments: {
    blue: environment('blue', {
      role: 'standby',
      phase: 'verified',
      release: 1,
      version: 'v1',
      keptUntil: noon + 3_540_000,
      instances: [instance('127.0.1.1', 0, 1)],
      traffic: { requests: 6000, failed: 0, inFlight: 0, p50Ms: 1.2, p99Ms: 3.4 },
    }),
    green: environment('green', {
      role: 'live',
      phase: 'verified',
      release: 2,
      version: 'v2',
      instances: [
        instance('127.0.1.2', 0, 2),
        {
          ...instance('127.0.1.2', 1, 2),
          state: 'waiting-to-restart',
          pid: null,
          restarts: 2,
          lastExit: 'exit code 1',
        },
      ],
      traffic: { requests: 1_234_567, failed: 2, inFlight: 7, p50Ms: 1.25, p99Ms: 3.4 },
    }),
  },
  deployment: succeeded(),
  verdict: { verdict: 'lossy', writes: 12 },
  halted: null,
  ...change,
});

export const status = (change: Partial<StatusView> = {}): StatusView => ({
  controller: { pid: 4000, version, startedAt: noon - 3_600_000, home: '/srv/shop/.cutover' },
  proxy: { pid: 4001, workers: 2, warnings: [] },
  services: [service()],
  ...change,
});

export const plan: PlanView = {
  service: 'shop',
  plan: {
    kind: 'deploy',
    strategy: 'blue-green',
    release: 3,
    steps: [{ kind: 'prepare', colour: 'blue', release: 3, retires: 1 }],
    later: [],
    notes: ['release 1 on blue, kept hot for the way back (1h), makes room'],
  },
  steps: [
    { describe: 'empty blue and choose addresses for release 3', describeUndo: 'empty blue' },
    { describe: 'switch the traffic from green to blue', describeUndo: 'switch the traffic back to green' },
  ],
  later: [{ describe: 'retire release 2 on green', describeUndo: null }],
};

export const switched: SwitchedView = {
  deployment: 3,
  from: 'green',
  to: 'blue',
  epoch: 6,
  release: 1,
  version: 'v1',
  switchMs: 1.9,
  holdMs: 1.2,
  held: 3,
  tookMs: 8.4,
  verdict: { verdict: 'lossy', writes: 12 },
};

export const modeSet = (change: Partial<ModeView> = {}): ModeView => ({
  mode: 'read-only',
  writes: 'hold',
  waitMs: 30_000,
  queue: 10_000,
  pace: 1_000,
  retryAfterS: 5,
  by: 'me@host',
  reason: null,
  at: noon,
  ...change,
});

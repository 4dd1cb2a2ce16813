import { describe, expect, test } from 'bun:test';
import { colourful, plain } from '../terminal/paint.ts';
import { columnsOf } from '../terminal/text.ts';
import {
  deployment,
  modeSet,
  done,
  noon,
  plan,
  receipt,
  service,
  status,
  step,
  succeeded,
  switched,
  undone,
} from '../testing/views.ts';
import { deploymentLines } from './deployment.ts';
import { errorLines } from './error.ts';
import { historyLines } from './history.ts';
import { logLines } from './logs.ts';
import { planLines } from './plan.ts';
import { receiptLines, receiptSummary } from './receipt.ts';
import { serviceLines, statusLines } from './status.ts';
import { switchedLines } from './switched.ts';
import { link } from './words.ts';

const drawing = { now: noon + 2500, paint: plain };
const shown = (lines: readonly string[]): string => `\n${lines.join('\n')}\n`;

describe('a deployment that goes on', () => {
  test('has a line for each step, with the time that has gone by', () => {
    expect(shown(deploymentLines(deployment(), { ...drawing, progress: '1 of 2 healthy' }))).toBe(`
shop: deployment 2, deploy of release 2 (v2) by me@host
  ✓ prepare  green at 127.0.1.2:8080  12ms
  ⠋ health   1 of 2 healthy  2.5s
  · switch   switch the traffic from blue to green
`);
  });

  test('keeps the time in view where a line is too long', () => {
    const [, , line = ''] = deploymentLines(deployment(), { ...drawing, columns: 40 });
    expect(line).toBe('  ⠋ health   wait until every ins…  2.5s');
    expect(columnsOf(line)).toBeLessThanOrEqual(40);
  });

  test('says that a step was run again, was taken back, or is stuck', () => {
    const view = deployment({
      steps: [
        { ...done('prepare', 'green at 127.0.1.2:8080'), attempts: 2 },
        step('start', { status: 'undone', startedAt: noon, endedAt: noon + 40, says: 'green is stopped' }),
        step('switch', {
          status: 'stuck',
          startedAt: noon,
          endedAt: noon + 40,
          error: { code: 'undo-failed', message: 'no' },
        }),
      ],
    });
    expect(shown(deploymentLines(view, { ...drawing, away: true }))).toBe(`
shop: deployment 2, deploy of release 2 (v2) by me@host
  ✓ prepare  green at 127.0.1.2:8080 (run 2 times)  40ms
  ↶ start    green is stopped  40ms
  ✗ switch   could not be taken back: undo-failed  40ms
  the controller is away; waiting for it (traffic flows on)
`);
  });
});

describe('status', () => {
  test('shows both environments, their instances, what went last, and the way back', () => {
    expect(shown(statusLines(status(), { ...drawing, now: noon + 60_000 }))).toBe(`
shop  http://127.0.0.1:8080  preview http://127.0.0.1:8081  epoch 5

         ROLE     RELEASE  UP             REQUESTS  FAILED  IN FLIGHT    P50    P99  KEPT FOR
  blue   standby  1 (v1)   1/1 verified      6,000       0          0  1.2ms  3.4ms       58m
  green  live     2 (v2)   1/2 verified  1,234,567       2          7  1.3ms  3.4ms

         INSTANCE  ADDRESS         STATE                PID  UP FOR  RESTARTS  LAST EXIT
  blue   web[0]    127.0.1.1:8080  running             4010     11m         0
  green  web[0]    127.0.1.2:8080  running             4020     11m         0
  green  web[1]    127.0.1.2:8081  waiting-to-restart     –       –         2  exit code 1

  deployment 2, deploy of release 2 (v2) by me@host: succeeded 51.8s ago, took 8.2s
  way back: lossy: 12 writes were answered by the new side since the switch

controller pid 4000, version ${status().controller.version}, up 1h1m; proxy pid 4001, 2 workers
`);
  });

  test('shows the deployment that is under way step by step', () => {
    const lines = serviceLines(service({ deployment: deployment(), verdict: null }), drawing);
    expect(lines).toContain('    ✓ prepare  green at 127.0.1.2:8080  12ms');
    expect(lines).toContain('  way back: nothing is kept to go back to');
  });

  test('shows which releases users reach, and that both serve where that is one', () => {
    const weights = { blue: 50, green: 50 };
    const one = { release: 2, version: 'v2' };
    const whole = serviceLines(
      service({ weights, versions: [{ ...one, share: 100, sides: ['blue', 'green'] }] }),
      drawing,
    );
    expect(whole).toContain('  both serve: blue 50 %, green 50 %');
    const versions = [
      { release: 1, version: 'v1', share: 50, sides: ['blue'] as const },
      { ...one, share: 50, sides: ['green'] as const },
    ];
    expect(serviceLines(service({ weights, versions }), drawing)).toContain(
      '  ! mixed versions: release 1 (v1) 50 %, release 2 (v2) 50 %',
    );
  });

  test('says what to do where there is no service, no proxy, or no way to write', () => {
    expect(shown(statusLines(status({ services: [], proxy: null }), drawing))).toContain(
      'cutover deploy makes the first one',
    );
    expect(shown(statusLines(status({ proxy: null }), drawing))).toContain('the proxy does not answer');
    const halted = { code: 'disk-full', message: 'the log: no room', next: 'make room' } as const;
    expect(shown(serviceLines(service({ halted }), drawing))).toContain('cutover: the log: no room');
  });

  test('takes as many columns with colours as without', () => {
    const coloured = statusLines(status(), { ...drawing, paint: colourful });
    expect(coloured.map((line) => Bun.stripANSI(line).trimEnd())).toEqual(statusLines(status(), drawing));
  });
});

test('a plan numbers its steps and says how each is taken back', () => {
  expect(shown(planLines(plan, plain))).toBe(`
shop: deploy of release 3, blue-green
  ! release 1 on blue, kept hot for the way back (1h), makes room
  1. empty blue and choose addresses for release 3
     ↶ empty blue
  2. switch the traffic from green to blue
     ↶ switch the traffic back to green
  later, unless another deployment comes first:
     retire release 2 on green
  nothing was changed; ↶ is how a step is taken back if one after it fails
`);
});

describe('a receipt', () => {
  test('has a line for each thing that was measured', () => {
    expect(shown(receiptLines(receipt, plain))).toBe(`
shop: receipt of deployment 2, succeeded
  release         2 (v2), deploy by me@host
  time            2026-03-01 12:00:00, took 8.2s
  requests        12,345: blue (release 1) 6,000, green (release 2) 6,345
  failed          0
  held            3 at the switch
  retried         1
  switch          blue to green in 1.9ms, new requests held for 1.2ms, epoch 5
  drain           30ms, nothing left
  p50/p99 before  1.2ms / 3.4ms of 6,000 requests
  p50/p99 during  1.3ms / 5ms of 345 requests
  p50/p99 after   1.2ms / 3.1ms of 6,000 requests
  steps           prepare 12ms, switch 2ms
`);
  });

  test('names the causes of failures and what could not be measured', () => {
    const { environments } = receipt;
    const lossy = {
      ...receipt,
      failed: 2,
      environments: { ...environments, blue: { ...environments.blue, failed: { 'connect-failed': 2 } } },
      gaps: ['the router did not answer at the end'],
    };
    expect(receiptLines(lossy, plain)).toContain('  failed          2 (connect-failed 2)');
    expect(receiptLines(lossy, plain)).toContain('  not measured    the router did not answer at the end');
    expect(receiptSummary(lossy, plain)[0]).toBe(
      '  12,345 requests, 2 (connect-failed 2) failed, 3 held, 1 retried',
    );
  });
});

test('a rollback says where the traffic is, how long it took and what it cost', () => {
  expect(shown(switchedLines('shop', switched, plain))).toBe(`
live: shop, release 1 (v1) on blue, 8.4ms after the order
  switched from green to blue in 1.9ms; 3 requests held for at most 1.2ms; epoch 6
  going back was lossy: 12 writes were answered by the new side since the switch
  the old side is drained and kept: cutover show 3 --follow --service shop
`);
});

test('the history has a line for each deployment, and for each mode that was set meanwhile', () => {
  const modes = [
    modeSet({ mode: 'closed', at: noon + 1000, reason: 'stocktaking' }),
    modeSet({ at: noon - 1 }),
  ];
  expect(
    shown(historyLines([deployment({ id: 3 }), succeeded(), undone({ id: 1 })], modes, noon + 2500, plain)),
  ).toBe(`
#  KIND    RELEASE  OUTCOME    BEGAN                TOOK  REQUESTS  FAILED  BY
   mode             closed     2026-03-01 12:00:01                          me@host  stocktaking
3  deploy  2 (v2)   running    2026-03-01 12:00:00  2.5s                    me@host  health (2.5s)
2  deploy  2 (v2)   succeeded  2026-03-01 12:00:00  8.2s    12,345       0  me@host
1  deploy  2 (v2)   undone     2026-03-01 12:00:00  1.5s    12,345       0  me@host  verify-failed
`);
});

test('logs name the instance of each line, and no line can forge another', () => {
  const lines = [
    { layer: 'web', index: 0, text: 'one\nworker[1] | two' },
    { layer: 'worker', index: 1, text: '\x1b[2Jthree' },
  ];
  expect(logLines(lines, plain)).toEqual(['web[0]    | oneworker[1] | two', 'worker[1] | three']);
});

test('an error says what, what to do, and shows the end of the log', () => {
  const { failure } = undone();
  expect(shown(failure ? errorLines(failure, plain) : [])).toBe(`
cutover: the home page against 127.0.1.2:8080 on green: expected a status of 2xx, found 500
  next: the release was not switched to; mend it and deploy again
  | web[0] | Error: no tea
`);
  const several = {
    code: 'spec-invalid',
    message: 'cutover.yaml: expected a spec, found 2 problems',
    detail: { problems: ['cutover.yaml:1: a', 'cutover.yaml:2: b'] },
  } as const;
  expect(errorLines(several, plain).slice(1)).toEqual(['  cutover.yaml:1: a', '  cutover.yaml:2: b']);
});

test('an address that is every address is reached by this machine’s own', () => {
  expect(link('0.0.0.0:8080')).toBe('http://127.0.0.1:8080');
  expect(link('[::]:80')).toBe('http://[::1]');
});

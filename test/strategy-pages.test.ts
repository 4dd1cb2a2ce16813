import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkSpecText } from '../src/config/check-spec.ts';
import { emptyEnvironment } from '../src/core/environment.ts';
import { newService, type Service } from '../src/core/service.ts';
import { Spec, type SpecInput } from '../src/core/spec.ts';
import { deployPlan } from '../src/core/strategies/index.ts';

/** The specs on a page of the docs. */
function specsOn(name: string): SpecInput[] {
  const page = readFileSync(join(import.meta.dir, '../docs', name), 'utf8');
  const blocks = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text = '']) => text);
  return blocks.map((text) => {
    const checked = checkSpecText(text);
    expect(checked.problems).toBeUndefined();
    return checked.problems ? expect.unreachable() : checked.input;
  });
}

/** The kinds of steps of the plan that takes this spec live after another release, which has so many instances. */
function planOf(input: SpecInput, instances = 0): string[] {
  const release = (number: number) => ({
    ...{ number, version: `v${number}`, source: { kind: 'directory', path: '/app' } as const, base: '/' },
    ...{ spec: Spec.parse(input), createdAt: 0, by: 'ann', digest: null },
  });
  const blue: Service['environments']['blue'] = {
    ...emptyEnvironment('blue'),
    phase: 'verified',
    release: 1,
    wasLive: true,
    placement: {
      instances: Array.from({ length: instances }, (_, index) => ({
        ...{ layer: 'web', index, address: { host: '127.0.0.1', port: 9000 + index } },
      })),
    },
  };
  const service: Service = {
    ...newService('shop'),
    releases: [release(1)],
    environments: { blue, green: emptyEnvironment('green') },
    live: 'blue',
    routed: 'blue',
  };
  return deployPlan(service, release(2)).steps.map((step) =>
    step.kind === 'weigh' ? `weigh ${step.weight}` : step.kind === 'gate' ? `gate ${step.gate}` : step.kind,
  );
}

describe('the specs of the docs come to the plans that their text tells of', () => {
  test('strategies.md: a canary in the short form, and step by step', () => {
    const [short, steps] = specsOn('strategies.md')
      .slice(0, 2)
      .map((input) => planOf(input));
    expect(short?.slice(-10)).toEqual([
      ...['weigh 5', 'hold', 'weigh 25', 'hold', 'weigh 50', 'hold'],
      ...['switch', 'drain', 'bake', 'keep'],
    ]);
    expect(steps?.slice(-8, -3)).toEqual(['weigh 5', 'hold', 'weigh 50', 'hold', 'switch']);
  });

  test('strategies.md: a split fleet, of a service of which one environment served so far', () => {
    const [fleet] = specsOn('strategies.md')
      .slice(2, 3)
      .map((input) => planOf(input));
    expect(fleet).toEqual([
      ...['ship', 'prepare', 'start', 'health', 'verify', 'rejoin', 'hold'],
      ...['ship', 'switch', 'drain', 'prepare', 'start', 'health', 'verify', 'rejoin', 'bake'],
    ]);
  });

  test('routers/socket.md: the old processes are told to finish after their drain', () => {
    const [plan] = specsOn('routers/socket.md').map((input) => planOf(input));
    expect(plan?.slice(-5)).toEqual(['switch', 'drain', 'finish', 'bake', 'keep']);
    const [example] = specsOn('routers/socket.md');
    const file = readFileSync(join(import.meta.dir, '../examples/handover/cutover.yaml'), 'utf8');
    expect(checkSpecText(file)).toMatchObject({ input: example });
  });

  test('strategies.md: a roll, one instance more at a time', () => {
    const [roll] = specsOn('strategies.md').slice(3, 4);
    const plan = planOf(roll ?? expect.unreachable(), 3);
    expect(plan).toEqual([
      ...['ship', 'prepare', 'start', 'health', 'verify', 'join', 'leave', 'join', 'leave', 'join'],
      ...['switch', 'drain', 'bake', 'keep'],
    ]);
  });

  test('gates.md: each gate before its step, windows last', () => {
    const [gates] = specsOn('gates.md').map((input) => planOf(input));
    const at = (step: string): number => gates?.indexOf(step) ?? -1;
    expect(at('gate 3')).toBe(at('ship') - 1);
    expect(at('gate 4')).toBe(at('verify') - 1);
    expect(at('gate 1')).toBe(at('switch') - 2);
    expect(at('gate 2')).toBe(at('switch') - 1);
  });
});

import { describe, expect, test } from 'bun:test';
import type { EventRecord, ServiceEvent } from '../core/event.ts';
import { advanced, goesOn } from './progress.ts';
import { changeLines } from './render/deployment.ts';
import { deployment, noon } from './testing/views.ts';

const record = (version: number, event: ServiceEvent): EventRecord => ({
  version,
  at: noon + version,
  event,
});

describe('the view of a deployment follows the log', () => {
  test('through steps to the end', () => {
    const events: ServiceEvent[] = [
      { type: 'step-done', deployment: 2, step: 1, says: '2 of 2 healthy' },
      { type: 'step-started', deployment: 2, step: 2 },
      { type: 'step-failed', deployment: 2, step: 2, error: { code: 'not-ready', message: 'down' } },
      { type: 'turned-back', deployment: 2, error: { code: 'not-ready', message: 'down' } },
      { type: 'undo-started', deployment: 2, step: 2 },
      { type: 'undo-done', deployment: 2, step: 2, says: 'the traffic was never sent' },
      { type: 'deployment-ended', deployment: 2, outcome: 'undone' },
    ];
    let view = deployment();
    const lines: string[] = [];
    for (const [index, event] of events.entries()) {
      const next = advanced(view, record(11 + index, event));
      lines.push(...changeLines(view, next));
      view = next;
    }
    expect(view.steps.map(({ status }) => status)).toEqual(['done', 'done', 'undone']);
    expect(view).toMatchObject({
      status: 'undone',
      logVersion: 17,
      endedAt: noon + 17,
      failure: { code: 'not-ready' },
    });
    expect(goesOn(view)).toBe(false);
    expect(lines).toEqual([
      'health done in 0ms: 2 of 2 healthy',
      'switch begins: switch the traffic from blue to green',
      'switch failed in 1ms: down',
      'turning back: down',
      'switch is taken back: switch the traffic back to blue',
      'switch taken back: the traffic was never sent',
    ]);
  });

  test('and a step that is run again after a crash counts its runs', () => {
    const view = advanced(deployment(), record(11, { type: 'step-started', deployment: 2, step: 1 }));
    expect(view.steps[1]).toMatchObject({ attempts: 2, startedAt: noon + 12 });
  });

  test('what was seen already and what is of another deployment changes nothing', () => {
    const view = deployment();
    expect(
      advanced(view, record(10, { type: 'deployment-ended', deployment: 2, outcome: 'succeeded' })),
    ).toBe(view);
    const other = advanced(view, record(11, { type: 'step-done', deployment: 1, step: 1, says: '' }));
    expect(other).toEqual({ ...view, logVersion: 11 });
  });
});

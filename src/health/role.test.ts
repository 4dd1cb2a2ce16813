import { expect, test } from 'bun:test';
import { agentWord, type Condition, roles, serves } from './role.ts';

const conditions: readonly Condition[] = ['starting', 'healthy', 'unhealthy'];

test('of a healthy instance exactly one side answers, and none in maintenance or while it is not healthy', () => {
  for (const role of roles)
    for (const condition of conditions) {
      const served = (['live', 'standby'] as const).filter((side) => serves(role, condition, side));
      expect([role, condition, served]).toEqual([
        role,
        condition,
        condition === 'healthy' && role !== 'maintenance' ? [role] : [],
      ]);
    }
});

test.each([
  ['live', 'healthy', 'live', 'ready up 50%\n'],
  ['live', 'healthy', 'standby', 'drain\n'],
  ['standby', 'healthy', 'live', 'drain\n'],
  ['standby', 'healthy', 'standby', 'ready up 50%\n'],
  ['live', 'unhealthy', 'live', 'ready down#unhealthy\n'],
  ['live', 'starting', 'live', 'ready down#starting\n'],
  ['standby', 'unhealthy', 'live', 'drain\n'],
  ['maintenance', 'healthy', 'live', 'maint\n'],
  ['maintenance', 'unhealthy', 'standby', 'maint\n'],
] as const)('%s and %s: HAProxy is told of the side %s %p', (role, condition, side, word) => {
  expect(agentWord(role, condition, side, 50)).toBe(word);
});

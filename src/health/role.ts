/** What an instance is there for: traffic of users, tests before that, or neither. */
export const roles = ['live', 'standby', 'maintenance'] as const;
export type Role = (typeof roles)[number];

/** How the instance is: `starting` until it was healthy once. */
export type Condition = 'starting' | 'healthy' | 'unhealthy';

/** The sides that a balancer can ask for. */
export type Side = 'live' | 'standby';

/** Whether the question for a side is answered with 200. Of a healthy instance exactly one is, and none in maintenance; of another none. */
export const serves = (role: Role, condition: Condition, side: Side): boolean =>
  condition === 'healthy' && role === side;

/** What a balancer is told that speaks HAProxy's agent protocol (configuration manual, `agent-check`); one line. */
export function agentWord(role: Role, condition: Condition, side: Side, weight: number): string {
  if (role === 'maintenance') return 'maint\n';
  // `drain` and `maint` stay until `ready` takes them back; `up` alone does not.
  if (role !== side) return 'drain\n';
  if (condition !== 'healthy') return `ready down#${condition}\n`;
  return `ready up ${weight}%\n`;
}

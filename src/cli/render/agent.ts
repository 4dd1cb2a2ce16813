import type { AgentHealth } from '../ask-agent.ts';
import type { Paint } from '../terminal/paint.ts';
import { harmless } from '../terminal/text.ts';

/** What an agent says of its instance, in one line. */
export function agentLine(
  { role, condition = 'starting', weight, since, detail }: AgentHealth,
  paint: Paint,
): string {
  const how = condition === 'healthy' ? paint.green(condition) : paint.red(condition);
  const why = condition === 'healthy' || detail === undefined ? '' : ` (${harmless(detail)})`;
  const share = weight === 100 ? '' : `, weight ${weight} %`;
  return `${paint.bold(role)}${typeof since === 'string' ? ` since ${harmless(since)}` : ''}, ${how}${why}${share}`;
}

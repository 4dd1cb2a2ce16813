import { z } from 'zod';
import { socketPath } from '../config/home.ts';
import { CutoverError } from '../core/errors.ts';
import { roles } from '../health/role.ts';

/** The agent's socket within the home directory. */
export const agentSocketName = 'agent/agent.sock';

/** What an agent says of its instance. */
export const AgentHealth = z.looseObject({
  role: z.enum(roles),
  condition: z.enum(['starting', 'healthy', 'unhealthy']).optional(),
  weight: z.number(),
  since: z.union([z.string(), z.number(), z.null()]),
  detail: z.string().optional(),
});
export type AgentHealth = z.infer<typeof AgentHealth>;

const answerMs = 10_000;

/** Asks the agent of a home through its socket. Throws `agent-absent` if none answers. */
export async function askAgent(home: string, method: 'GET' | 'POST', path: string): Promise<AgentHealth> {
  const unix = socketPath(home, agentSocketName);
  let response: Response;
  try {
    response = await fetch(`http://agent${path}`, { unix, method, signal: AbortSignal.timeout(answerMs) });
  } catch (cause) {
    throw new CutoverError('agent-absent', `expected an agent at ${unix}, found none that answers`, {
      next: 'start it with cutover agent run, or name its home with --home DIR',
      cause,
    });
  }
  const text = await response.text();
  const health = AgentHealth.safeParse(jsonOf(text));
  if (health.success) return health.data;
  throw new CutoverError(
    'state-damaged',
    `the agent at ${unix}: expected the role of its instance, found: ${text.trim()}`,
    {
      next: 'mend what it names, then ask again',
    },
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // Words for a person; they are shown.
  }
}

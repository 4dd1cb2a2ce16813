import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** One process for as long as the machine is up: a pid alone is given to another process sooner or later. */
export const ProcessIdentity = z.object({
  pid: z.int().min(1),
  /** Clock ticks between boot and the start of the process: field 22 of /proc/PID/stat (proc(5)). */
  startTicks: z.int().min(0),
  /** /proc/sys/kernel/random/boot_id: ticks count from boot, so they say nothing after another one. */
  machineBoot: z.string(),
});
export type ProcessIdentity = z.infer<typeof ProcessIdentity>;

/** Which process has this pid now; undefined if none has. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The name in field 2 may hold spaces and brackets, so the fields are counted from its last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startTicks = Number(fields[19]);
  if (state === 'Z' || state === 'X' || !Number.isInteger(startTicks)) return undefined;
  return { pid, startTicks, machineBoot: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim() };
}

/** Whether this very process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  const found = identityOf(identity.pid);
  return found?.startTicks === identity.startTicks && found.machineBoot === identity.machineBoot;
}

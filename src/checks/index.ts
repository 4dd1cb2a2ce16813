import { CutoverError } from '../core/errors.ts';
import type { Checker } from '../ports/check.ts';
import type { Clock } from '../ports/clock.ts';
import { commandCheck } from './command.ts';
import { httpCheck } from './http.ts';
import { loadCheck } from './load.ts';
import { askRound } from './round.ts';
import { tcpCheck } from './tcp.ts';

/** The checks that Cutover knows, each by its name in the spec. `clock` measures and limits them. */
export function createChecker({ clock }: { readonly clock: Clock }): Checker {
  return {
    round: (order, target, signal) => askRound(clock, order, target, signal),
    async run(probe, target, timeoutMs, signal) {
      if (probe.http !== undefined) return httpCheck(clock, probe.http, target, timeoutMs, signal);
      if (probe.tcp !== undefined) return tcpCheck(clock, target, timeoutMs, signal);
      if (probe.command !== undefined) return commandCheck(clock, probe.command, target, timeoutMs, signal);
      if ('load' in probe && probe.load !== undefined)
        return loadCheck(clock, probe.load, target, timeoutMs, signal);
      throw new CutoverError('internal', 'a check without a kind');
    },
  };
}

import { releaseOf } from '../core/service.ts';
import type { Engine } from '../engine/engine.ts';
import type { SwitchedView } from './api.ts';

/** What came of a switch, with what it switched to. */
export function switchedView(
  engine: Engine,
  service: string,
  switched: Omit<Awaited<ReturnType<Engine['switchTo']>>, 'verdict'>,
  more: Pick<SwitchedView, 'verdict' | 'tookMs'>,
): SwitchedView {
  const state = engine.service(service);
  const release = state.environments[switched.to].release ?? 0;
  const { deployment, from, to, epoch, switchMs, holdMs, held } = switched;
  return {
    deployment,
    from,
    to,
    epoch,
    release,
    version: releaseOf(state, release)?.version ?? '',
    switchMs,
    holdMs,
    held,
    ...more,
  };
}

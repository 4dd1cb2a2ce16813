import type { Mode } from '../../core/mode.ts';
import type { ModeView } from '../../server/api.ts';
import type { Paint } from '../terminal/paint.ts';
import { harmless } from '../terminal/text.ts';
import { count, duration, moment } from './words.ts';

type Settings = Omit<Mode, 'page'>;

const tone = (mode: Mode['mode'], paint: Paint): ((text: string) => string) =>
  mode === 'open' ? paint.green : mode === 'closed' ? paint.red : paint.yellow;

/** What happens to requests, in a few words. */
function effect({ mode, writes, waitMs, queue, pace, retryAfterS }: Settings): string {
  const holds = `at most ${count(queue)} wait, each for ${duration(waitMs)}; then let go at ${count(pace)} a second`;
  switch (mode) {
    case 'open':
      return 'all requests go through';
    case 'read-only':
      return writes === 'hold'
        ? `reads go through, writes are held: ${holds}`
        : `reads go through, writes get 503 (retry after ${retryAfterS}s)`;
    case 'held':
      return `all requests are held: ${holds}`;
    case 'closed':
      return `all requests get 503 (retry after ${retryAfterS}s)`;
  }
}

/** `read-only: reads go through, …`. */
export const modeLine = (mode: Settings, paint: Paint): string =>
  `${tone(mode.mode, paint)(mode.mode)}: ${effect(mode)}`;

/** Who set it, when and why. */
export const setLine = ({ by, at, reason }: ModeView): string =>
  `set by ${harmless(by)} at ${moment(at)}${reason === null ? '' : `: ${harmless(reason)}`}`;

import { openMode } from '../../core/open-mode.ts';
import type { Mode } from '../../core/mode.ts';

/** What users of one of several proxies meet that cannot know whether its table is the last. */
export const blindMode: Mode = {
  ...openMode,
  mode: 'closed',
  pace: 1_000_000,
  retryAfterS: 1,
  page: {
    type: 'text',
    text: 'This proxy does not know just now where requests go, and waits to be told. Try again in a moment.\n',
  },
};

import { Health } from '../core/spec/check.ts';
import type { Probe } from '../ports/check.ts';

/** The check that `tcp`, `http:/path` or `/path` on a command line stands for; undefined for another text. */
export function parseCheckText(text: string): Probe | undefined {
  if (text === 'tcp') return { tcp: true };
  const path = /^(?:http:)?(\/[\x21-\x7e]*)$/.exec(text)?.[1];
  // `http://host/path` names a host, which is that of the instance.
  return path === undefined || path.startsWith('//') ? undefined : Health.parse({ http: { path } });
}

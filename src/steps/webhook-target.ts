import type { WebhookSpec } from '../core/spec/webhook.ts';
import type { WebhookTarget } from '../ports/webhook.ts';

/** A webhook of a spec as the sender takes it, files named from `base`. */
export function webhookTarget(
  { url, urlFile, secretFile, headers, ca }: WebhookSpec,
  base: string,
): WebhookTarget {
  const absolute = (path: string): string => (path.startsWith('/') ? path : `${base}/${path}`);
  return {
    headers,
    ...(url !== undefined && { url }),
    ...(urlFile !== undefined && { urlFile: absolute(urlFile) }),
    ...(secretFile !== undefined && { secretFile: absolute(secretFile) }),
    ...(ca !== undefined && { ca: absolute(ca) }),
  };
}

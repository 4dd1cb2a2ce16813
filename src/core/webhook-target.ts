import type { WebhookSpec } from './spec/webhook.ts';

/** A webhook of a spec with its files named by absolute paths, as a sender takes it. */
export interface PlacedWebhook {
  readonly url?: string;
  readonly urlFile?: string;
  readonly secretFile?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly ca?: string;
}

/** @param base the folder of the spec */
export function webhookTarget(
  { url, urlFile, secretFile, headers, ca }: WebhookSpec,
  base: string,
): PlacedWebhook {
  const absolute = (path: string): string => (path.startsWith('/') ? path : `${base}/${path}`);
  return {
    headers,
    ...(url !== undefined && { url }),
    ...(urlFile !== undefined && { urlFile: absolute(urlFile) }),
    ...(secretFile !== undefined && { secretFile: absolute(secretFile) }),
    ...(ca !== undefined && { ca: absolute(ca) }),
  };
}

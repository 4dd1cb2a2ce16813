import { z } from 'zod';
import { shownUrl } from '../webhook-url.ts';
import { exactlyOne } from './check.ts';

const urlError = { error: 'expected an address such as https://hooks.example/deployed' };
/** Of http or https, without a fragment: it would never be sent. */
export const WebhookUrl = z
  .string(urlError)
  .max(2048, urlError)
  .regex(/^https?:\/\/[^\s#/?\\]+(?:[/?][^\s#\\]*)?$/, urlError);

const file = z.string().min(1, { error: 'expected the path of a file' });

/** Where a webhook goes: what a user writes of it, wherever one may be called. */
export const webhookKeys = {
  url: WebhookUrl.optional().describe('Where it is posted to. What is behind its `?` is shown nowhere.'),
  urlFile: file
    .optional()
    .describe('Its address is read from this file, relative to the spec, if it is a secret.'),
  secretFile: file
    .optional()
    .describe(
      'The secret that it is signed with (Standard Webhooks), relative to the spec; several, a line each, while one is replaced.',
    ),
  headers: z
    .record(
      z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'expected the name of a header' }),
      z.string().regex(/^[^\r\n\0]*$/, { error: 'expected the value of a header, in one line' }),
    )
    .default({})
    .describe('Headers that are sent with it.'),
  ca: file
    .optional()
    .describe('The authorities (PEM) that sign its certificate. Default: those of the system.'),
};

const oneUrl = exactlyOne('url', 'urlFile');

/** A webhook in a spec. */
export const WebhookSpec = z
  .strictObject(webhookKeys)
  .refine(oneUrl.holds, oneUrl.error)
  .meta({ title: 'webhook', ...oneUrl.schema });
export type WebhookSpec = z.infer<typeof WebhookSpec>;

/** Where it goes, as it may be shown. */
export const webhookName = ({ url, urlFile }: WebhookSpec): string =>
  url === undefined ? `at the address in ${urlFile ?? 'no file'}` : shownUrl(url);

import { z } from 'zod';
import { NetworkText } from './network-text.ts';

/** What a user writes under `router` about those who stand between the clients and the proxy. */
export const entranceFields = {
  proxyProtocol: z
    .enum(['required'])
    .optional()
    .describe(
      'Each connection begins with a PROXY protocol header (version 1 or 2) that says who the client is; one without is closed. See docs/clients.md.',
    ),
  trust: z
    .array(NetworkText)
    .max(1000)
    .default([])
    .describe(
      'Networks whose word is taken for who a client is, e.g. [10.0.0.0/8]: of their X-Forwarded-* and Forwarded fields, and of PROXY headers. Default: none, and PROXY headers of anybody.',
    ),
};

/** The same on the wire to a router: how the addresses of a route are entered. */
export const RouteEntrance = z.object({
  proxyProtocol: z.boolean(),
  trust: z.array(z.string()).max(1000),
});
export type RouteEntrance = z.infer<typeof RouteEntrance>;

/** For a route; undefined if clients come by themselves and nobody is believed. */
export const routeEntrance = (written: {
  readonly proxyProtocol?: 'required' | undefined;
  readonly trust: readonly string[];
}): RouteEntrance | undefined =>
  written.proxyProtocol === undefined && written.trust.length === 0
    ? undefined
    : { proxyProtocol: written.proxyProtocol === 'required', trust: [...written.trust] };

import { z } from 'zod';

/** Where an instance or a listener is: a host (name or IP, no brackets) and a TCP port. */
export const Address = z.object({
  host: z.string().min(1).max(253),
  port: z.int().min(0).max(65535),
});
export type Address = z.infer<typeof Address>;

/** `host:port`, with brackets around an IPv6 host. */
export const formatAddress = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** The address that `host:port`, `[v6]:port`, `:port` or `port` names; undefined if it is none. An absent host is every address. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]*)):)?(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const port = Number(match[3]);
  if (port > 65535) return undefined;
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port };
}

const expected = 'expected an address such as 127.0.0.1:8080, [::1]:8080 or :8080';

/** An address in a spec: text in, host and port out. */
export const AddressText = z.string({ error: expected }).transform((text, context): Address => {
  const address = parseAddress(text);
  if (address) return address;
  context.addIssue({ code: 'custom', message: expected, input: text });
  return z.NEVER;
});

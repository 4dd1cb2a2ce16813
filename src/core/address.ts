import { z } from 'zod';
import { parseAddress } from './address-text.ts';

/** Where an instance or a listener is: a host (name or IP, no brackets) and a TCP port. */
export const Address = z.object({
  host: z.string().min(1).max(253),
  port: z.int().min(0).max(65535),
});
export type Address = z.infer<typeof Address>;

export { formatAddress, parseAddress } from './address-text.ts';

const expected = { error: 'expected an address such as 127.0.0.1:8080, [::1]:8080 or :8080' };

/** An address in a spec: text (or a port alone, which YAML takes for a number) in, host and port out. */
export const AddressText = z
  .union(
    [
      z
        .string(expected)
        // What parseAddress takes, for the JSON Schema.
        .meta({
          pattern: `^((\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9._-]*):)?(?=\\d{1,5}$)0*(6553[0-5]|655[0-2]\\d|65[0-4]\\d\\d|6[0-4]\\d{3}|[1-5]\\d{4}|\\d{1,4})$`,
        }),
      z.int(expected).min(0, expected).max(65535, expected),
    ],
    expected,
  )
  .meta({ title: 'address' })
  .transform((value, context): Address => {
    const address = parseAddress(String(value));
    if (address) return address;
    context.addIssue({ code: 'custom', message: expected.error, input: value });
    return z.NEVER;
  });

import { z } from 'zod';
import { parseAddress, type Address } from '../address.ts';
import { Duration } from '../duration.ts';
import { parseIp } from '../ip.ts';
import { Command } from './command.ts';

const domainError = { error: 'expected a name of the DNS in lower case, e.g. shop.example' };
/** Letters, digits, dashes and underscores in labels, without a dot at its end. */
export const DomainName = z
  .string(domainError)
  .max(253, domainError)
  .regex(/^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/, domainError);

const serverError = { error: 'expected a server such as 192.0.2.53, [2001:db8::53]:53 or ns1.example' };
const dnsPort = 53;
const ServerText = z
  .string(serverError)
  .min(1, serverError)
  .max(300, serverError)
  .transform((text, context): Address => {
    const address = /^\d+$/.test(text)
      ? undefined
      : parseIp(text) || DomainName.safeParse(text).success
        ? { host: text, port: dnsPort }
        : parseAddress(text);
    if (address && address.port > 0) return address;
    context.addIssue({ code: 'custom', message: serverError.error, input: text });
    return z.NEVER;
  });

const targetError = { error: 'expected an IP address or a host name in lower case' };
const Target = z
  .string(targetError)
  .refine((text) => parseIp(text) !== null || DomainName.safeParse(text).success, targetError);

const seconds = (least: number) =>
  Duration.refine((ms) => ms >= least && ms % 1000 === 0 && ms <= 604_800_000, {
    error: `expected whole seconds, at least ${least / 1000}s and at most 7 days`,
  });

/** What a user writes under `router.dns`. */
export const DnsSettings = z
  .strictObject({
    zone: DomainName.describe('The zone that has the names, e.g. shop.example.'),
    servers: z
      .array(ServerText)
      .min(1)
      .max(16)
      .optional()
      .describe(
        'All servers that answer clients for the zone, the primary first: it takes the updates. A port may follow. A switch is over when all of them have it.',
      ),
    key: z
      .string()
      .min(1)
      .max(4096)
      .optional()
      .describe(
        'A file with the key that signs updates, as `tsig-keygen` prints it; nobody but its owner may be let to read it.',
      ),
    command: z
      .strictObject({
        run: Command.describe('The program, and arguments that come before the verb. No shell reads it.'),
        alias: z.boolean().default(false).describe('It can make ALIAS records.'),
        timeout: Duration.default(60_000).describe('How long one call of it may take; then it is killed.'),
      })
      .optional()
      .describe('Instead of `servers` and `key`: a program that reads and changes the records.'),
    targets: z
      .strictObject({
        blue: z.array(Target).min(1).max(64).describe('Where blue is reached.'),
        green: z.array(Target).min(1).max(64).describe('Where green is reached.'),
      })
      .optional()
      .describe(
        'What the name leads to, by side: IP addresses, or one host name. Default: the addresses of the instances.',
      ),
    alias: z
      .boolean()
      .default(false)
      .describe('A target that is a host name is written as ALIAS, not as CNAME; only with `command`.'),
    adopt: z
      .boolean()
      .default(false)
      .describe('Records that stand under the name already are replaced. Default: they are refused.'),
    ttl: seconds(1000).prefault('1h').describe('How long clients keep an answer in normal times.'),
    switchTtl: seconds(1000).prefault('30s').describe('How long they keep it around a switch.'),
    margin: Duration.default(10_000).describe(
      'How much longer than allowed clients are taken to keep an answer.',
    ),
    quiet: Duration.default(10_000).describe(
      'For how long nobody must have come to the old side, where that is observed.',
    ),
    lateAtMost: Duration.default(900_000).describe(
      'Where it is observed: how long after their time late clients are waited for.',
    ),
    timeout: Duration.default(60_000).describe('How long all servers have to take a change over.'),
    observe: z
      .strictObject({
        agents: z
          .int()
          .min(1)
          .max(65_535)
          .optional()
          .describe(
            'The port at which each host of an instance answers `GET /in-flight` of docs/health-protocol.md.',
          ),
        url: z
          .url({ protocol: /^https?$/, error: 'expected an http or https URL' })
          .optional()
          .describe('A URL that answers JSON, as the verb `counters` of docs/routers/command.md.'),
        command: Command.optional().describe('A program that prints that JSON.'),
        can: z
          .array(z.enum(['counters', 'inFlight']))
          .max(2)
          .default([])
          .describe(
            'With `url` or `command`, what it tells beyond requests: `counters`, all that a receipt counts; `inFlight`.',
          ),
      })
      .refine(
        (observe) =>
          [observe.agents, observe.url, observe.command].filter((each) => each !== undefined).length === 1,
        {
          error: 'expected one of agents, url and command',
        },
      )
      .optional()
      .describe(
        'Who tells how many requests come to each side, so that late clients are seen. Default: nobody.',
      ),
  })
  .superRefine(({ zone: _zone, servers, key, command, alias, ttl, switchTtl, targets }, context) => {
    const refuse = (path: string[], input: unknown, message: string): void =>
      context.addIssue({ code: 'custom', path, input, message });
    if (command === undefined ? !servers || key === undefined : servers !== undefined || key !== undefined)
      refuse(['servers'], servers, 'expected servers and key, or command instead of both');
    if (alias && command?.alias !== true)
      refuse(
        ['alias'],
        alias,
        'expected alias only with a command that can: the DNS itself has no such type',
      );
    if (switchTtl > ttl) refuse(['switchTtl'], switchTtl, 'expected no more than ttl');
    for (const side of ['blue', 'green'] as const) {
      const names = targets?.[side].filter((target) => parseIp(target) === null) ?? [];
      if (names.length > 0 && (targets?.[side].length ?? 0) > 1)
        refuse(
          ['targets', side],
          targets?.[side],
          'expected IP addresses, or one host name and nothing else',
        );
    }
  });
export type DnsSettings = z.infer<typeof DnsSettings>;

/** Whether a name is the zone's, or below it. */
export const inZone = (name: string, zone: string): boolean => name === zone || name.endsWith(`.${zone}`);

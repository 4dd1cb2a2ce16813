import { parseIp } from '../core/ip.ts';
import { Trust } from '../core/trust.ts';

/**
 * What no webhook is meant for: link-local addresses, among them those where clouds tell a machine its own credentials, and what is no single
 * host. An address of a name that somebody else controls must not lead there. Addresses of this machine and of private networks are fine:
 * that is where many receivers are.
 */
const unmeant: readonly { readonly networks: Trust; readonly what: string }[] = [
  {
    networks: new Trust(['169.254.0.0/16', 'fe80::/10', '64:ff9b::169.254.0.0/112']),
    what: 'a link-local address',
  },
  { networks: new Trust(['100.100.100.200', 'fd00:ec2::254']), what: 'the address of a cloud’s metadata' },
  { networks: new Trust(['0.0.0.0/8', '::']), what: 'an address that stands for no host' },
  { networks: new Trust(['224.0.0.0/3', 'ff00::/8']), what: 'an address of many hosts' },
];

/** Which hosts may be called. */
export class Destinations {
  readonly #names: readonly string[];
  readonly #networks: Trust;
  readonly #isLimited: boolean;

  /**
   * @param allow networks, and names of hosts (`*.example.com`: all below that one): only these may be called, the unmeant ones among them too.
   *   Null: any but the unmeant ones
   */
  constructor(allow: readonly string[] | null) {
    const texts = allow ?? [];
    const isNetwork = (text: string): boolean => parseIp(text.split('/')[0] ?? '') !== null;
    this.#networks = new Trust(texts.filter(isNetwork));
    this.#names = texts.filter((text) => !isNetwork(text)).map((text) => text.toLowerCase());
    this.#isLimited = allow !== null;
  }

  /** Why the address may not be called; null if it may. */
  objection(host: string, address: string): string | null {
    const ip = parseIp(address);
    if (ip === null) return `${address} is no address`;
    if (this.#networks.holds(ip)) return null;
    const found = unmeant.find(({ networks }) => networks.holds(ip));
    if (found)
      return `${address} is ${found.what}, which is called only if webhooks.allow of the home names it`;
    if (!this.#isLimited || this.#names.some((name) => matches(name, host.toLowerCase()))) return null;
    return `neither ${host} nor ${address} is in webhooks.allow of the home`;
  }
}

const matches = (pattern: string, host: string): boolean =>
  pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;

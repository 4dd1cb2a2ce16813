import { type Ip, isIpv4, parseIp } from './ip.ts';

/** All addresses that begin with the first `bits` of `ip`. */
interface Network {
  readonly ip: Ip;
  readonly bits: number;
}

/** `10.0.0.0/8`, `fd00::/8`, or one address alone; null if it is none, or has bits beyond its length. */
export function parseNetwork(text: string): Network | null {
  const [address = '', length, more] = text.split('/');
  const ip = parseIp(address);
  if (ip === null || more !== undefined) return null;
  const most = isIpv4(ip) && !address.includes(':') ? 32 : 128;
  if (length !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(length)) return null;
  const own = length === undefined ? most : Number(length);
  if (own > most) return null;
  const bits = own + 128 - most;
  for (let bit = bits; bit < 128; bit++) if ((ip[bit >> 3]! >> (7 - (bit & 7))) & 1) return null;
  return { ip, bits };
}

/** A set of networks: those whose word is taken for who a client is. */
export class Trust {
  private readonly networks: readonly Network[];

  /** @throws Error if one of them is no network; they are checked by `NetworkText` where they come in */
  constructor(texts: readonly string[]) {
    this.networks = texts.map((text) => {
      const network = parseNetwork(text);
      if (network === null) throw new Error(`${text} is no network`);
      return network;
    });
  }

  holds(ip: Ip): boolean {
    return this.networks.some(({ ip: first, bits }) => {
      const whole = bits >> 3;
      for (let at = 0; at < whole; at++) if (ip[at] !== first[at]) return false;
      const rest = bits & 7;
      return rest === 0 || (ip[whole]! ^ first[whole]!) >> (8 - rest) === 0;
    });
  }

  /** The same for text; what is no address is not in it. */
  holdsText(text: string): boolean {
    const ip = parseIp(text);
    return ip !== null && this.holds(ip);
  }
}

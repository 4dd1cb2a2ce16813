import { routeEntrance, type RouteEntrance } from '../core/entrance.ts';
import { CutoverError } from '../core/errors.ts';
import { Limits, RouteLimits } from '../core/limits.ts';
import { NetworkText } from '../core/network-text.ts';

/** What `cutover proxy` is told of its clients. */
export interface EntranceWords {
  readonly proxyProtocol?: boolean;
  readonly trust?: string;
  /** `NAME=VALUE` each. */
  readonly limit?: readonly string[];
}

const usage = (message: string, next: string): CutoverError => new CutoverError('usage', message, { next });

/** Who stands between the clients and the proxy; undefined if nobody was named. */
export function entranceOf({ proxyProtocol, trust: text }: EntranceWords): RouteEntrance | undefined {
  const trust = text === undefined ? [] : text.split(',').map((network) => network.trim());
  for (const network of trust)
    if (!NetworkText.safeParse(network).success)
      throw usage(
        `--trust: expected an address or a network such as 10.0.0.0/8, found ${network || 'nothing'}`,
        'name each with the bits beyond its length as zeros, and commas between them',
      );
  return routeEntrance({ proxyProtocol: proxyProtocol === true ? 'required' : undefined, trust });
}

/** Limits that differ from those by default; undefined if none is named. */
export function limitsOf(words: readonly string[] = []): RouteLimits | undefined {
  const names = Object.keys(Limits.shape);
  const limits: Record<string, unknown> = {};
  for (const word of words) {
    const [, name = '', value = ''] = /^([A-Za-z]+)=(.+)$/.exec(word) ?? [];
    if (!names.includes(name))
      throw usage(`--limit: expected NAME=VALUE, found ${word}`, `the names are ${names.join(', ')}`);
    if (name in limits) throw usage(`--limit: ${name} is named twice`, 'name it once');
    const parsed = Limits.safeParse({ [name]: /^\d+$/.test(value) ? Number(value) : value });
    if (!parsed.success)
      throw usage(
        `--limit ${name}: ${parsed.error.issues[0]?.message ?? 'expected another value'}, found ${value}`,
        'docs/limits.md says what each may be',
      );
    limits[name] = new Map<string, unknown>(Object.entries(parsed.data)).get(name);
  }
  return words.length === 0 ? undefined : RouteLimits.parse(limits);
}

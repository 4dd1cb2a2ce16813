import { type Address, formatAddress } from './address.ts';
import { type Colour, other } from './colour.ts';
import type { Route } from './traffic.ts';

/** By which addresses a service is reached, and how its next release is looked at; the same for every release. */
export interface PreviewWays {
  readonly service: string;
  readonly live: { readonly colour: Colour; readonly release: number | null; readonly url: string };
  /** What is on the other side. `kept`: it was live before, and is there for the way back. */
  readonly next: { readonly colour: Colour; readonly release: number | null; readonly kept: boolean };
  /** An address of its own; null: there is none. */
  readonly address: string | null;
  /** A host of its own on the address of users. */
  readonly host: string | null;
  /** The name of the header that opens it there. */
  readonly header: string | null;
  /** Where links with a token lead. */
  readonly door: string | null;
}

const usualPorts: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** Such as `https://shop.example`; an address that stands for all of a machine is called localhost. */
function urlOf(scheme: 'http' | 'https', { host, port }: Address, name?: string): string {
  const everywhere = host === '0.0.0.0' || host === '::';
  const shown = name ?? (everywhere ? 'localhost' : formatAddress({ host, port: 0 }).replace(/:0$/, ''));
  return `${scheme}://${shown}${usualPorts[scheme] === port ? '' : `:${port}`}`;
}

/** The ways that a route opens, as it is in force. */
export function previewWays(route: Route): PreviewWays {
  const { service, live, listen, preview, previewHost, tls, testers, hosts = [], paths = [] } = route;
  const scheme = tls === undefined ? 'http' : 'https';
  const [prefix = '/'] = paths.map((each) => each.prefix);
  const home = prefix === '/' ? '/' : `${prefix}/`;
  // A pattern is no name that anybody could open.
  const name = hosts.find((host) => !host.startsWith('*'));
  const front = urlOf(scheme, listen, name);
  const second = other(live);
  return {
    service,
    live: { colour: live, release: route[live].release, url: `${front}${home}` },
    next: {
      colour: second,
      release: route[second].instances.length === 0 ? null : route[second].release,
      kept: route.kept === true,
    },
    address: preview === null ? null : `${urlOf(scheme, preview, name)}${home}`,
    host: previewHost === null ? null : `${urlOf(scheme, listen, previewHost)}${home}`,
    header: testers?.header?.name ?? null,
    door: testers?.cookie ? `${front}${testers.cookie.door}` : null,
  };
}

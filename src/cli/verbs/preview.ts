import { resolve } from 'node:path';
import { CutoverError } from '../../core/errors.ts';
import { previewWays, type PreviewWays } from '../../core/preview-ways.ts';
import { longestPassS } from '../../core/tester-pass.ts';
import type { Pass, PassOrder } from '../../core/testers.ts';
import { EmbeddedRouter } from '../../routers/embedded/embedded-router.ts';
import { connect } from '../connect.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { previewLines, type PreviewLink } from '../render/preview.ts';
import { serviceName } from '../service-name.ts';

export interface PreviewOptions {
  readonly cookie?: boolean;
  /** In milliseconds. */
  readonly for?: number;
  readonly release?: number;
  /** The admin socket of a proxy, which is asked instead of the controller. */
  readonly admin?: string;
}

/** Who knows the ways of a service and signs passes for it. */
export interface Gatekeeper {
  ways(): Promise<PreviewWays>;
  pass(order: PassOrder): Promise<Pass>;
}

const usualForMs = 8 * 3_600_000;

/** The ways to the next release; with `--cookie` a link that lets a browser in. */
export async function preview(
  invocation: Invocation,
  named: string | undefined,
  options: PreviewOptions,
): Promise<number> {
  const stray = options.for !== undefined ? 'for' : options.release !== undefined ? 'release' : undefined;
  if (options.cookie !== true && stray !== undefined)
    throw new CutoverError('usage', `cutover preview: --${stray} is for a link`, {
      next: 'cutover preview --cookie --for 8h',
    });
  const keeper = await gatekeeper(invocation, named, options.admin);
  const ways = await keeper.ways();
  const link =
    options.cookie === true ? await linkBy(keeper, ways, options.for, options.release ?? null) : null;
  if (invocation.json) answerJson(invocation, link === null ? ways : { ...ways, link });
  else for (const line of previewLines(ways, link, invocation.paint)) invocation.output.line(line);
  return 0;
}

/** A link with a token; throws `request-invalid` if the service has no door. */
export async function linkBy(
  keeper: Gatekeeper,
  { live }: PreviewWays,
  forMs: number = usualForMs,
  release: number | null,
): Promise<PreviewLink> {
  const forS = Math.round(forMs / 1000);
  if (forS < 1 || forS > longestPassS)
    throw new CutoverError('usage', `--for: expected a time from 1s to 30d, found ${forMs}ms`, {
      next: 'cutover preview --cookie --for 8h',
    });
  const pass = await keeper.pass({ forS, release });
  const url = `${new URL(live.url).origin}${pass.door}?token=${pass.token}`;
  return { url, expiresS: pass.expiresS, release: pass.release };
}

/** The controller, or a proxy by its admin socket. */
export async function gatekeeper(
  invocation: Invocation,
  named: string | undefined,
  admin: string | undefined,
): Promise<Gatekeeper> {
  if (admin === undefined) {
    const client = connect(invocation);
    const name = await serviceName(invocation, client, named);
    return { ways: () => client.preview(name), pass: (order) => client.pass(name, order) };
  }
  const router = new EmbeddedRouter(invocation.homeDirectory, resolve(invocation.cwd, admin));
  const { services } = (await router.status()).table;
  const service = named ?? (services.length === 1 ? services[0] : undefined);
  const route = service === undefined ? null : await router.read(service);
  if (route === null)
    throw new CutoverError(
      'service-unknown',
      `expected a service of the proxy at ${router.socket}, found ${service ?? 'no name'}; it has ${services.join(', ') || 'none'}`,
      { next: 'cutover preview SERVICE --admin SOCK' },
    );
  return {
    ways: () => Promise.resolve(previewWays(route)),
    pass: (order) => router.pass(route.service, order),
  };
}

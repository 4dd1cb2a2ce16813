import { CutoverError } from '../core/errors.ts';
import type { ServiceEvent } from '../core/event.ts';
import type { Release, Source } from '../core/release.ts';
import { releaseOf, type Service } from '../core/service.ts';
import { Spec, type SpecInput } from '../core/spec.ts';

/** What a release is made of, as it was asked for. */
export interface ReleaseOrder {
  readonly spec: SpecInput;
  readonly base: string;
  readonly source: Source;
  readonly version: string;
}

/** Either a new release, or the number of one that exists. */
export type DeployOrder = { readonly order: ReleaseOrder } | { readonly release: number };

/** The release that is ordered, with the event that makes it where it is new. Throws `release-unknown`. */
export function releaseFor(
  service: Service,
  order: DeployOrder,
  by: string,
  now: number,
): { release: Release; created: ServiceEvent | null } {
  if ('release' in order) return { release: existing(service, order.release), created: null };
  const { spec, base, source, version } = order.order;
  const number = service.releases.length + 1;
  const created: ServiceEvent = { type: 'release-created', number, version, source, base, spec, by };
  return {
    release: { number, version, source, base, spec: Spec.parse(spec), createdAt: now, by, digest: null },
    created,
  };
}

/** Throws `release-unknown`. */
export function existing(service: Service, number: number): Release {
  const release = releaseOf(service, number);
  if (release) return release;
  const last = service.releases.length;
  throw new CutoverError(
    'release-unknown',
    `service ${service.name}: expected a release from 1 to ${last}, found ${number}`,
    {
      next: 'cutover history shows the releases',
    },
  );
}

import { join } from 'node:path';
import type { EnvironmentRef } from '../../ports/platform.ts';

/** Where things are in the state directory. */
export class Layout {
  constructor(readonly home: string) {}

  get releases(): string {
    return join(this.home, 'releases');
  }
  get environments(): string {
    return join(this.home, 'environments');
  }
  releasesOf(service: string): string {
    return join(this.releases, service);
  }
  /** The sealed content of a release. */
  release(service: string, number: number): string {
    return join(this.releasesOf(service), String(number));
  }
  /** What is known of that content, outside of it. A release without it is not whole. */
  manifest(service: string, number: number): string {
    return join(this.releasesOf(service), `${number}.json`);
  }
  serviceEnvironments(service: string): string {
    return join(this.environments, service);
  }
  addresses(service: string): string {
    return join(this.serviceEnvironments(service), 'addresses.json');
  }
  environment({ service, colour }: EnvironmentRef): string {
    return join(this.serviceEnvironments(service), colour);
  }
  run(environment: EnvironmentRef): string {
    return join(this.environment(environment), 'run.json');
  }
  instance(environment: EnvironmentRef, layer: string, index: number): string {
    return join(this.environment(environment), `${layer}-${index}.json`);
  }
  /** What tells an instance whether it may work. */
  active(environment: EnvironmentRef, layer: string, index: number): string {
    return join(this.environment(environment), `${layer}-${index}.active`);
  }
  log({ service, colour }: EnvironmentRef, layer: string, index: number): string {
    return join(this.home, 'logs', service, colour, `${layer}-${index}.log`);
  }
  buildLog(service: string, number: number): string {
    return join(this.home, 'logs', service, `build-${number}.log`);
  }
}

import { mkdtempSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { socketPath } from '../../src/config/home.ts';
import { removeSealed } from '../../src/platforms/process/sealed-tree.ts';
import type { Address } from '../../src/core/address.ts';
import { ErrorRecord } from '../../src/core/error-record.ts';
import type { Source } from '../../src/core/release.ts';
import type { SpecInput } from '../../src/core/spec.ts';
import type { Counters } from '../../src/core/traffic.ts';
import type { DeploymentView, ServiceView, StatusView, SwitchedView } from '../../src/server/api.ts';

const repository = join(import.meta.dir, '..', '..');

/** How Cutover is started: from the sources, or as the one executable named by `CUTOVER_TEST_EXECUTABLE`. */
export const command = (): string[] => {
  const executable = process.env['CUTOVER_TEST_EXECUTABLE'];
  return executable === undefined ? [process.execPath, join(repository, 'src/cli/main.ts')] : [executable];
};

export const shop = (release: 1 | 2): string => join(repository, 'examples/shop', `release-${release}`);

/** An error that the API answered. */
export class Refused extends Error {
  constructor(readonly record: ErrorRecord) {
    super(`${record.code}: ${record.message}`);
  }
}

/** A port of 127.0.0.1 that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

/** Polls until `look` finds something. For what has no event to wait for. */
export async function until<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  withinMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms in vain: ${what}`);
    await Bun.sleep(5);
  }
}

/** A home directory of its own with a controller, as real processes, and what a test does with them. */
export class House {
  readonly home = mkdtempSync(join(tmpdir(), 'cutover house '));
  #controller: Bun.Subprocess | null = null;

  private constructor(readonly listen: Address) {}

  static async open(options: { workers?: number } = {}): Promise<House> {
    const house = new House({ host: '127.0.0.1', port: await freePort() });
    await house.start(options);
    return house;
  }

  get socket(): string {
    return socketPath(this.home, 'controller.sock');
  }

  /** Starts a controller and waits until it answers. `failPoint`: see CONTRIBUTING. */
  async start({ failPoint, workers = 2 }: { failPoint?: string; workers?: number } = {}): Promise<void> {
    const log = openSync(join(this.home, 'controller.log'), 'a');
    const controller = Bun.spawn(
      [...command(), 'controller', '--home', this.home, '--workers', String(workers)],
      {
        detached: true,
        env: { ...process.env, ...(failPoint === undefined ? {} : { CUTOVER_FAIL_POINT: failPoint }) },
        stdio: ['ignore', log, log],
      },
    );
    this.#controller = controller;
    await until('the controller answers', async () => {
      if (controller.exitCode !== null || controller.signalCode !== null) {
        throw new Error(`the controller ended:\n${this.log('controller.log')}`);
      }
      return this.status().catch(() => undefined);
    });
  }

  /** Resolves when the controller's process has ended, by whatever. */
  async ended(): Promise<void> {
    await this.#controller?.exited;
  }

  get alive(): boolean {
    return (
      this.#controller !== null && this.#controller.exitCode === null && this.#controller.signalCode === null
    );
  }

  async kill(): Promise<void> {
    this.#controller?.kill('SIGKILL');
    await this.ended();
  }

  log(name: string): string {
    return readFileSync(join(this.home, name), 'utf8');
  }

  async ask<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    const response = await fetch(`http://controller${path}`, {
      unix: this.socket,
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw new Refused(ErrorRecord.parse((answer as { error: unknown }).error));
    // Our own controller's answer: its form is the business of the server's tests.
    return answer as T;
  }

  status = (): Promise<StatusView> => this.ask('GET', '/v1/status');
  service = (): Promise<ServiceView> => this.ask('GET', '/v1/services/shop');
  rollback = (): Promise<SwitchedView> => this.ask('POST', '/v1/services/shop/rollback', { by: 'test' });
  abort = (): Promise<DeploymentView> => this.ask('POST', '/v1/services/shop/abort', { by: 'test' });
  deployment = (id: number): Promise<DeploymentView> =>
    this.ask('GET', `/v1/services/shop/deployments/${id}`);

  /** Begins a deployment. */
  deploy(path: string, change: (spec: SpecInput) => SpecInput = (spec) => spec): Promise<DeploymentView> {
    const source: Source = { kind: 'directory', path };
    const order = {
      spec: change(this.spec()),
      base: path,
      source,
      version: path.endsWith('2') ? 'v2' : 'v1',
    };
    return this.ask('POST', '/v1/services/shop/deployments', { by: 'test', order });
  }

  /** Waits until the deployment has ended, also while the controller comes and goes. */
  async settled(id: number): Promise<DeploymentView> {
    return until(
      `deployment ${id} ends`,
      async () => {
        const view = await this.deployment(id).catch(() => undefined);
        return view && view.status !== 'running' && view.status !== 'turning-back' ? view : undefined;
      },
      60_000,
    );
  }

  async deployed(path: string, change?: (spec: SpecInput) => SpecInput): Promise<DeploymentView> {
    const { id } = await this.deploy(path, change);
    return this.settled(id);
  }

  /** The shop, quick: no bake, probes close together. */
  spec(): SpecInput {
    const { host, port } = this.listen;
    return {
      service: 'shop',
      router: { listen: `${host}:${port}` },
      environments: {
        layers: {
          web: {
            command: ['node', 'server.js'],
            instances: 2,
            health: { http: { path: '/health' }, interval: '20ms', timeout: '1s', startPeriod: '15s' },
            stop: { grace: '2s' },
            restart: { backoff: '100ms' },
          },
        },
      },
      // A load that counts what it loses is not to be told to come back.
      strategy: { drain: '500ms', leftover: 'keep', bake: '0' },
      checks: [{ name: 'home', http: { path: '/' } }],
    };
  }

  counters = (): Promise<Counters> =>
    fetch(`http://proxy/v1/services/shop/counters`, { unix: socketPath(this.home, 'proxy/admin.sock') }).then(
      (response) => response.json() as Promise<Counters>,
    );

  /** Stops all that runs, and removes the home. */
  async close(): Promise<void> {
    const answers = await this.status().then(
      () => true,
      () => false,
    );
    if (!answers) await this.start();
    await this.ask('POST', '/v1/stop', { by: 'test', instances: true, proxy: true });
    await this.ended();
    await removeSealed(this.home);
  }
}

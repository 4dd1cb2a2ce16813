import { join } from 'node:path';
import type { Subprocess } from 'bun';
import { upgradeProxy } from '../../src/cli/upgrade-proxy.ts';
import type { Address } from '../../src/core/address.ts';
import type { Colour } from '../../src/core/colour.ts';
import { CutoverError } from '../../src/core/errors.ts';
import { Route, type Applied } from '../../src/core/traffic.ts';
import { EmbeddedRouter } from '../../src/routers/embedded/embedded-router.ts';
import type { Running } from '../proxy/running.ts';

const program = join(import.meta.dir, '..', '..', 'src', 'cli', 'main.ts');
const readyMs = 20_000;

/** Our proxy as it is run: keeper and workers as processes, led over the admin socket. */
export class OurProxy {
  readonly router: EmbeddedRouter;
  private keeper: Subprocess | null = null;
  private epoch = 0;

  private constructor(
    private readonly home: string,
    readonly listen: Address,
    private readonly workers: number,
    private readonly settings: Partial<Route>,
  ) {
    this.router = new EmbeddedRouter(home);
  }

  /** Starts it; it is ended with what else is running. `settings` belong to every route. */
  static async start(running: Running, settings: Partial<Route> = {}, workers = 2): Promise<OurProxy> {
    const proxy = new OurProxy(running.directoryFor('cutover'), running.freeAddress(), workers, settings);
    running.add(() => proxy.stop());
    await proxy.up();
    return proxy;
  }

  /** Starts the keeper, which takes over from the workers of the one before it. */
  async up(): Promise<void> {
    const command = [process.execPath, program, 'proxy-keeper', '--home', this.home];
    const keeper = Bun.spawn([...command, '--workers', String(this.workers)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    // What it says is of use only if it does not come up.
    const said = new Response(keeper.stderr).text();
    this.keeper = keeper;
    const end = performance.now() + readyMs;
    for (;;) {
      const status = await this.router.status().catch((error: unknown) => {
        if (error instanceof CutoverError && error.code === 'proxy-absent') return null;
        throw error;
      });
      if (status?.pid === keeper.pid && status.workers.every(({ ready }) => ready)) return;
      if (keeper.exitCode !== null || performance.now() > end)
        throw new Error(`the proxy did not come up: ${keeper.exitCode === null ? '' : await said}`);
      await Bun.sleep(10);
    }
  }

  /** Sends the traffic to `live`. */
  route(live: Colour, sides: Readonly<Record<Colour, readonly Address[]>>): Promise<Applied> {
    const side = (colour: Colour) =>
      sides[colour].length === 0
        ? { release: null, instances: [] }
        : { release: this.epoch + 1, instances: sides[colour] };
    return this.router.apply(
      Route.parse({
        service: 'score',
        epoch: ++this.epoch,
        live,
        listen: this.listen,
        preview: null,
        previewHost: null,
        blue: side('blue'),
        green: side('green'),
        ...this.settings,
      }),
    );
  }

  async upgrade(): Promise<void> {
    await upgradeProxy(this.router);
  }
  /** The keeper is killed; its workers go on. */
  async kill(): Promise<void> {
    this.keeper?.kill('SIGKILL');
    await this.keeper?.exited;
  }
  /** The keeper ends in order and leaves the workers to the next one. */
  async leave(): Promise<void> {
    await this.router.stop({ drainMs: 0, keepWorkers: true });
    await this.keeper?.exited;
  }
  /** Asks it to end after a drain of so long; resolves at once. */
  async drain(drainMs: number): Promise<void> {
    await this.router.stop({ drainMs, keepWorkers: false });
  }
  async ended(): Promise<void> {
    await this.keeper?.exited;
  }

  private async stop(): Promise<void> {
    const { keeper } = this;
    if (keeper === null || keeper.exitCode !== null || keeper.signalCode !== null) return;
    keeper.kill('SIGTERM');
    const timer = setTimeout(() => keeper.kill('SIGKILL'), 15_000);
    await keeper.exited;
    clearTimeout(timer);
  }
}

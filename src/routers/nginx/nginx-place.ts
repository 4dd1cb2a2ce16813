import { chmodSync, mkdirSync } from 'node:fs';
import { isIP } from 'node:net';
import { formatAddress } from '../../core/address.ts';
import { colours } from '../../core/colour.ts';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import type { NginxSettings } from '../../core/spec/nginx.ts';
import type { Route } from '../../core/traffic.ts';
import type { RouterCapabilities } from '../../ports/router.ts';
import { routeOf, type ProxyTable } from '../../proxy/table/table.ts';
import { ConfigFile } from '../configured/config-file.ts';
import { exclusively } from '../configured/exclusive.ts';
import { markedText, tableIn, tableLines, withBlock } from '../configured/marked-block.ts';
import { runProgram } from '../configured/run-program.ts';
import { divided, soleSide } from '../configured/side-share.ts';
import { nothingCounted, type Counted, type InForce, type Place } from '../configured/table-router.ts';
import { connectionsTo } from './connections.ts';
import { NginxMaster } from './master.ts';
import { greenFlag, renderNginx, structureOf, type NginxPlaces } from './render.ts';

const programMs = 20_000;
const reloadMs = 30_000;
const answerMs = 2000;
const lookMs = 10;

/** nginx: its upstreams are rendered and reloaded when instances change; which side is live is a file that it looks for. */
export class NginxPlace implements Place {
  readonly capabilities: RouterCapabilities = {
    carries: [
      'preview',
      'previewHost',
      'limits.body',
      'limits.connect',
      'limits.response',
      'limits.bodyIdle',
      'limits.headTime',
      'limits.idle',
    ],
    preview: true,
    counters: false,
    inFlight: true,
    instances: false,
    weights: true,
    modes: false,
    evict: false,
    mirror: false,
  };
  private readonly file: ConfigFile;
  private readonly master: NginxMaster;
  private readonly places: NginxPlaces;

  /** @param settings with absolute paths */
  constructor(private readonly settings: NginxSettings) {
    this.file = new ConfigFile(settings.config);
    this.master = new NginxMaster(settings.pid);
    this.places = { sides: `${settings.config}.sides`, state: settings.state };
  }

  exclusively<T>(act: () => Promise<T>): Promise<T> {
    return exclusively(this.file.path, act);
  }

  load(): Promise<ProxyTable> {
    return Promise.resolve(tableIn(markedText(this.file.read() ?? '', this.file.path), this.file.path));
  }

  async inForce(_table: ProxyTable, service: string): Promise<InForce | null> {
    const [, live] = (await this.ask(`/${service}`))?.split(' ') ?? [];
    const [epoch, as] = this.epochFile(service).read()?.trim().split(' ') ?? [];
    if (live === undefined || epoch === undefined) return null;
    // While the traffic is divided the file says who is live; else it is as nginx does.
    return {
      epoch: Number(epoch),
      live: as === 'green' || (as === undefined && live === 'green') ? 'green' : 'blue',
    };
  }

  async commit(next: ProxyTable, service: string): Promise<void> {
    const workers = this.master.taking();
    const route = routeOf(next, service);
    if (route) refuseNames(route);
    const before = this.file.read();
    const marked = markedText(before ?? '', this.file.path);
    const was = routeOf(tableIn(marked, this.file.path), service);
    const flagBefore = this.flag(service).read() !== null;
    const structure = structureOf(next, this.places);
    const running = await this.ask('/');
    mkdirSync(this.places.sides, { recursive: true, mode: 0o755 });
    chmodSync(this.places.sides, 0o755);
    const text = withBlock(marked, [...tableLines(next), ...renderNginx(next, this.places)]);
    let reloaded = false;
    try {
      if (running === structure) this.file.replace(text);
      else {
        await this.expectGood('as it is');
        this.file.replace(text);
        await this.expectGood('as it would become');
        // Who does not look at it yet is to find it right; who does goes on with the side from before until all is in force.
        if (route && (!was || divided(was))) this.setSide(route);
        reloaded = true;
        await this.reload(structure, workers);
      }
      if (route) {
        this.setSide(route);
        await this.verify(route, structure);
        this.epochFile(service).replace(`${route.epoch} ${route.live}\n`);
      } else for (const file of [this.flag(service), this.epochFile(service)]) file.replace(null);
    } catch (thrown) {
      const left = await this.restore(before, reloaded, flagBefore, service);
      if (left === null) throw thrown;
      const { code, message, next: advice } = errorRecord(thrown);
      throw new CutoverError(
        code,
        `${message}; ${this.file.path} is as it was, but nginx could not be told so: ${left}`,
        { cause: thrown, ...(advice === undefined ? {} : { next: advice }) },
      );
    }
  }

  /** No requests are counted; what is in flight, by the connections to the instances, those that rest for a moment among them. */
  counted(route: Route): Promise<Counted> {
    const counted = nothingCounted();
    const tables = this.master.tables();
    for (const colour of colours)
      counted[colour].inFlight = connectionsTo(
        route[colour].instances.filter(({ host }) => isIP(host) !== 0),
        tables,
      );
    return Promise.resolve(counted);
  }

  private flag = (service: string): ConfigFile => new ConfigFile(greenFlag(this.places.sides, service));
  private epochFile = (service: string): ConfigFile =>
    new ConfigFile(`${this.places.sides}/${service}.epoch`);

  private setSide(route: Route): void {
    const flag = this.flag(route.service);
    const green = soleSide(route) === 'green';
    if (green !== (flag.read() !== null)) flag.replace(green ? '' : null);
  }

  /** What nginx answers at its state address; null: it runs, and has nothing there. */
  private async ask(path: string): Promise<string | null> {
    this.master.pid();
    const address = formatAddress(this.settings.state);
    try {
      const response = await fetch(`http://${address}${path}`, {
        headers: { connection: 'close' },
        signal: AbortSignal.timeout(answerMs),
      });
      const text = await response.text();
      return response.status === 200 ? text : null;
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? cause.code : null;
      if (code === 'ECONNREFUSED' || code === 'ConnectionRefused') return null;
      throw new CutoverError(
        'router-absent',
        `nginx at ${address} does not answer: ${cause instanceof Error ? cause.message : String(cause)}`,
        { next: 'see that nothing else listens there (router.nginx.state)', cause },
      );
    }
  }

  private async expectGood(when: string): Promise<void> {
    const { check } = this.settings;
    const { exitCode, output } = await runProgram(check, { timeoutMs: programMs });
    if (exitCode === 0) return;
    throw new CutoverError(
      'router-refused',
      `nginx finds fault with its configuration ${when} (${check.join(' ')})`,
      {
        next: 'nothing was changed; what it said is shown',
        detail: { output },
      },
    );
  }

  /**
   * Has nginx read its configuration, and waits until the workers from before take no connection any more and the new ones answer: from then
   * on nobody goes by the configuration from before but what has been begun.
   */
  private async reload(structure: string, workers: readonly number[]): Promise<void> {
    const { reload } = this.settings;
    const { exitCode, output } = await runProgram(reload, { timeoutMs: programMs });
    if (exitCode !== 0)
      throw new CutoverError(
        'router-refused',
        `${reload.join(' ')}: expected exit code 0, found ${exitCode ?? 'no end in time'}`,
        {
          next: 'run it by hand to see why (router.nginx.reload)',
          detail: { output },
        },
      );
    const end = performance.now() + reloadMs;
    while (performance.now() < end) {
      if (workers.every(this.master.ending) && (await this.ask('/')) === structure) return;
      await Bun.sleep(lookMs);
    }
    throw new CutoverError(
      'router-refused',
      `nginx was told to read its configuration and did not within ${reloadMs / 1000} s`,
      {
        next: `see its error log; is ${this.file.path} within http, and does router.nginx.reload reload this very nginx?`,
      },
    );
  }

  private async verify(route: Route, structure: string): Promise<void> {
    const expected = `${structure} ${soleSide(route)}`;
    const found = await this.ask(`/${route.service}`);
    if (found === expected) return;
    throw new CutoverError(
      'router-refused',
      `service ${route.service}: expected nginx to have ${expected}, found ${found ?? 'nothing'}`,
      { next: `see that the user of nginx’s workers can look into ${this.places.sides}` },
    );
  }

  /** Puts back what was there; returns why nginx could not be told, if it could not. */
  private async restore(
    text: string | null,
    reloaded: boolean,
    green: boolean,
    service: string,
  ): Promise<string | null> {
    this.file.replace(text);
    try {
      if ((this.flag(service).read() !== null) !== green) this.flag(service).replace(green ? '' : null);
      if (!reloaded) return null;
      const { exitCode, output } = await runProgram(this.settings.reload, { timeoutMs: programMs });
      return exitCode === 0 ? null : output.join(' ');
    } catch (error) {
      return errorRecord(error).message;
    }
  }
}

/** Connections to an instance are found by its address. */
function refuseNames(route: Route): void {
  for (const colour of colours)
    for (const { host } of route[colour].instances)
      if (isIP(host) === 0)
        throw new CutoverError('router-cannot', `nginx is given instances by IP address, found ${host}`, {
          next: 'give the instances IP addresses',
        });
}

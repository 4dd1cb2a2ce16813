import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { formatAddress } from '../../core/address.ts';
import { colours } from '../../core/colour.ts';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import type { CaddySettings } from '../../core/spec/caddy.ts';
import type { Route } from '../../core/traffic.ts';
import type { RouterCapabilities } from '../../ports/router.ts';
import { emptyTable, routeOf, type ProxyTable } from '../../proxy/table/table.ts';
import { parseTable, renderTable } from '../../proxy/table/table-file.ts';
import { ConfigFile } from '../configured/config-file.ts';
import { exclusively } from '../configured/exclusive.ts';
import { divided, soleSide } from '../configured/side-share.ts';
import { nothingCounted, type Counted, type InForce, type Place } from '../configured/table-router.ts';
import { AdminApi } from './admin-api.ts';
import { putServers, seeConfiguration } from './configuration.ts';
import { flagName, renderCaddy, structureOf, type CaddyPlaces, type Flag } from './render.ts';
import { inFlightIn } from './upstreams.ts';

const answerMs = 2000;
const settleMs = 5000;
const lookMs = 10;
/** Whoever else changes Caddy's configuration does so now and then, not all the time. */
const tries = 5;
const flags: readonly Flag[] = ['green', 'divided'];

/** Caddy: its servers are told by its admin API when instances change; which side is live is a file that it looks for. */
export class CaddyPlace implements Place {
  readonly capabilities: RouterCapabilities = {
    carries: [
      'preview',
      'previewHost',
      'limits.connect',
      'limits.response',
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
  private readonly api: AdminApi;
  private readonly table: ConfigFile;
  private readonly places: CaddyPlaces;

  /** @param settings with absolute paths */
  constructor(settings: CaddySettings) {
    const { admin, sides, state } = settings;
    this.api = new AdminApi(admin);
    this.places = { sides, state };
    this.table = new ConfigFile(join(sides, 'table.json'));
  }

  exclusively<T>(act: () => Promise<T>): Promise<T> {
    const { sides } = this.places;
    try {
      mkdirSync(sides, { recursive: true, mode: 0o755 });
      // Caddy runs as somebody else.
      chmodSync(sides, 0o755);
    } catch (cause) {
      throw new CutoverError(
        'io-failed',
        `${sides} could not be made: ${cause instanceof Error ? cause.message : String(cause)}`,
        {
          next: 'name a folder that the controller may write and Caddy may read (router.caddy.sides)',
          cause,
        },
      );
    }
    return exclusively(this.table.path, act);
  }

  async load(): Promise<ProxyTable> {
    const { ours } = await seeConfiguration(this.api);
    return this.written(ours);
  }

  async inForce(_table: ProxyTable, service: string): Promise<InForce | null> {
    const side = (await this.ask(`/${service}`))?.split(' ')[1];
    const [epoch, as] = this.epochFile(service).read()?.trim().split(' ') ?? [];
    if (side === undefined || epoch === undefined) return null;
    // While the traffic is divided the file says who is live; else it is as Caddy does.
    const green = side === 'divided' ? as === 'green' : side === 'green';
    return { epoch: Number(epoch), live: green ? 'green' : 'blue' };
  }

  async commit(next: ProxyTable, service: string): Promise<void> {
    const { ours, kept } = await seeConfiguration(this.api);
    if (!kept)
      throw new CutoverError(
        'router-refused',
        `Caddy at ${this.api.admin}: expected it to keep its configuration, found admin.config.persist false`,
        { next: 'nothing was changed; take it out: else a restart of Caddy would forget the service' },
      );
    this.written(ours);
    const before = this.table.read();
    const route = routeOf(next, service);
    const flagsBefore = this.flagsOf(service);
    const wanted = renderCaddy(next, this.places);
    let loaded = false;
    try {
      this.table.replace(renderTable(next));
      // What goes by the flags now does so at once; a division that is new is begun only when Caddy knows it.
      if (route && !divided(route)) this.setFlags(route);
      if (!Bun.deepEquals(ours, wanted)) {
        if (route && !flagsBefore.divided) this.setFlags(route, { dividedToo: false });
        loaded = true;
        await this.put(wanted);
      }
      if (route) {
        this.setFlags(route);
        await this.verify(route, structureOf(next, this.places));
        this.epochFile(service).replace(`${route.epoch} ${route.live}\n`);
      } else
        for (const file of [...flags.map((flag) => this.flag(service, flag)), this.epochFile(service)])
          file.replace(null);
    } catch (thrown) {
      const left = await this.restore(before, flagsBefore, loaded ? ours : null, service);
      if (left === null) throw thrown;
      const { code, message, next: advice } = errorRecord(thrown);
      throw new CutoverError(code, `${message}; it could not be taken back: ${left}`, {
        cause: thrown,
        ...(advice === undefined ? {} : { next: advice }),
      });
    }
  }

  /** No requests are counted; what is in flight, Caddy tells by the address of an instance. */
  async counted(route: Route): Promise<Counted> {
    const counted = nothingCounted();
    const answer = await this.api.order({ method: 'GET', path: '/reverse_proxy/upstreams' });
    for (const colour of colours) counted[colour].inFlight = inFlightIn(answer, route[colour].instances);
    return counted;
  }

  /** The table, if Caddy's servers are those of this folder. */
  private written(ours: Readonly<Record<string, unknown>>): ProxyTable {
    const { path } = this.table;
    const text = this.table.read();
    if (text === null) {
      if (Object.keys(ours).length === 0) return emptyTable;
      throw new CutoverError(
        'state-damaged',
        `${path} is not there, and Caddy has servers of Cutover (${Object.keys(ours).join(', ')}): expected it to say under which epochs`,
        {
          next: 'nothing was changed; name the folder that they were made with (router.caddy.sides), bring it back from a backup, or take these servers out of Caddy: the next deployment makes them anew',
        },
      );
    }
    const table = parseTable(text);
    if (!('damage' in table)) return table;
    throw new CutoverError('state-damaged', `${path} is not whole: ${table.damage}`, {
      next: 'nothing was changed; bring it back from a backup, or take it away together with Cutover’s servers in Caddy: the next deployment makes both anew',
    });
  }

  private flag = (service: string, flag: Flag): ConfigFile =>
    new ConfigFile(join(this.places.sides, flagName(service, flag)));
  private epochFile = (service: string): ConfigFile =>
    new ConfigFile(join(this.places.sides, `${service}.epoch`));

  private flagsOf(service: string): Record<Flag, boolean> {
    const there = (flag: Flag): boolean => this.flag(service, flag).read() !== null;
    return { green: there('green'), divided: there('divided') };
  }

  private raise(service: string, wanted: Readonly<Record<Flag, boolean>>): void {
    const found = this.flagsOf(service);
    // The side first: it is what counts once the division is over.
    for (const flag of flags)
      if (found[flag] !== wanted[flag]) this.flag(service, flag).replace(wanted[flag] ? '' : null);
  }

  private setFlags(route: Route, { dividedToo = true } = {}): void {
    const parted = divided(route);
    const side = parted ? route.live : soleSide(route);
    this.raise(route.service, { green: side === 'green', divided: parted && dividedToo });
  }

  /** Has Caddy take our servers, whatever it has of others'. */
  private async put(wanted: Readonly<Record<string, unknown>>): Promise<void> {
    for (let n = 0; n < tries; n++)
      if (await putServers(this.api, await seeConfiguration(this.api), wanted)) return;
    throw new CutoverError(
      'router-refused',
      `Caddy at ${this.api.admin}: expected its configuration to rest for a moment, found it changed ${tries} times meanwhile`,
      { next: 'see who else changes it' },
    );
  }

  /** What Caddy answers at its state address; null: nobody is there, or it does not know that. */
  private async ask(path: string): Promise<string | null> {
    const address = formatAddress(this.places.state);
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
        `Caddy at ${address} does not answer: ${cause instanceof Error ? cause.message : String(cause)}`,
        { next: 'see that nothing else listens there (router.caddy.state)', cause },
      );
    }
  }

  /** Sees at Caddy itself that the route is in force; the servers from before a load may still take a connection right after it. */
  private async verify(route: Route, structure: string): Promise<void> {
    const expected = `${structure} ${divided(route) ? 'divided' : soleSide(route)}`;
    const end = performance.now() + settleMs;
    let found = await this.ask(`/${route.service}`);
    while (found !== expected && performance.now() < end) {
      await Bun.sleep(lookMs);
      found = await this.ask(`/${route.service}`);
    }
    if (found === expected) return;
    throw new CutoverError(
      'router-refused',
      `service ${route.service}: expected Caddy to have ${expected} within ${settleMs / 1000} s, found ${found ?? 'nothing'}`,
      { next: `see that the user of Caddy can look into ${this.places.sides}, and each folder above it` },
    );
  }

  /** Puts back what was there; returns why it could not, if it could not. */
  private async restore(
    text: string | null,
    flagsBefore: Readonly<Record<Flag, boolean>>,
    ours: Readonly<Record<string, unknown>> | null,
    service: string,
  ): Promise<string | null> {
    try {
      this.table.replace(text);
      this.raise(service, flagsBefore);
      if (ours !== null && !Bun.deepEquals((await seeConfiguration(this.api)).ours, ours))
        await this.put(ours);
      return null;
    } catch (error) {
      return errorRecord(error).message;
    }
  }
}

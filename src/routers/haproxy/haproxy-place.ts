import { rmSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { colours } from '../../core/colour.ts';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import type { HaproxySettings } from '../../core/spec/haproxy.ts';
import type { Route } from '../../core/traffic.ts';
import type { RouterCapabilities } from '../../ports/router.ts';
import { routeOf, type ProxyTable } from '../../proxy/table/table.ts';
import { ConfigFile } from '../configured/config-file.ts';
import { exclusively } from '../configured/exclusive.ts';
import { markedText, tableIn, tableLines, withBlock, type MarkedText } from '../configured/marked-block.ts';
import { runProgram } from '../configured/run-program.ts';
import type { Counted, InForce, Place } from '../configured/table-router.ts';
import { inFlightAtIn, sideIn, slotsIn, variableIn, type Slot } from './answers.ts';
import {
  backendOf,
  bootVariable,
  greenShare,
  renderHaproxy,
  slotName,
  slotsOf,
  structureOf,
  structureVariable,
  variablesOf,
} from './render.ts';
import { tellHaproxy } from './runtime-socket.ts';

const checkMs = 20_000;
const reloadMs = 30_000;
const lookMs = 10;
const checkedPrefix = '# cutover-checked ';

/** HAProxy: told by its runtime API, and its configuration written first, so that what was switched outlives it. */
export class HaproxyPlace implements Place {
  readonly capabilities: RouterCapabilities = {
    carries: [
      'preview',
      'previewHost',
      'protocol',
      'limits.connect',
      'limits.response',
      'limits.bodyIdle',
      'limits.headTime',
      'limits.idle',
    ],
    preview: true,
    counters: true,
    inFlight: true,
    instances: true,
    weights: true,
    modes: false,
    evict: false,
    mirror: false,
  };
  private readonly file: ConfigFile;

  /** @param settings with absolute paths */
  constructor(private readonly settings: HaproxySettings) {
    this.file = new ConfigFile(settings.config);
  }

  exclusively<T>(act: () => Promise<T>): Promise<T> {
    return exclusively(this.file.path, act);
  }

  load(): Promise<ProxyTable> {
    return Promise.resolve(tableIn(this.marked().marked, this.file.path));
  }

  async inForce(_table: ProxyTable, service: string): Promise<InForce | null> {
    const names = variablesOf(service);
    const [epoch, live] = await this.variables([names.epoch, names.live]);
    if (epoch === null || live === null || epoch === undefined || epoch === '0') return null;
    return { epoch: Number(epoch), live: live === '1' ? 'green' : 'blue' };
  }

  async commit(next: ProxyTable, service: string): Promise<void> {
    const { text, marked } = this.marked();
    const structure = structureOf(next);
    const [running] = await this.variables([structureVariable]);
    const outside = createHash('sha256')
      .update(`${structure}\n${marked.before}\n${marked.after}`)
      .digest('hex');
    const checked = marked.block?.includes(`${checkedPrefix}${outside}`) === true;
    const lines = [...tableLines(next), `${checkedPrefix}${outside}`, ...renderHaproxy(next)];
    const written = withBlock(marked, lines);
    // What is outside the marks, and the form of what is within, were found good before: instances and shares do not change that.
    if (!checked) await this.expectGood(text, written);
    this.file.replace(written);
    let reloaded = false;
    try {
      const route = routeOf(next, service);
      if (running === structure) {
        if (route) await this.tell(route);
      } else {
        // The process that is replaced goes on with what it has begun: it too is to send what comes next to the right side.
        if (route && (await this.knows(service))) await this.setVariables(route);
        reloaded = true;
        await this.reload(structure);
      }
      if (route) await this.verify(route);
    } catch (thrown) {
      const left = await this.restore(text, reloaded, service);
      if (left === null) throw thrown;
      const { code, message, next: advice } = errorRecord(thrown);
      throw new CutoverError(
        code,
        `${message}; ${this.file.path} is as it was, but the process could not be told so: ${left}`,
        { cause: thrown, ...(advice === undefined ? {} : { next: advice }) },
      );
    }
  }

  async counted({ service }: Route): Promise<Counted> {
    const [boot = null] = await this.variables([bootVariable]);
    const side = async (colour: 'blue' | 'green') => {
      const name = backendOf(service, colour);
      // Its own row, and those of its servers.
      const [stat = '', table = '', servers = ''] = await tellHaproxy(this.settings.socket, [
        `show stat ${name} 6 -1`,
        `show table ${name}`,
        `show servers state ${name}`,
      ]);
      return { ...sideIn(stat, table), inFlightAt: inFlightAtIn(stat, slotsIn(servers)) };
    };
    return { bootId: `haproxy ${boot ?? 'unknown'}`, blue: await side('blue'), green: await side('green') };
  }

  private marked(): { text: string | null; marked: MarkedText } {
    const text = this.file.read();
    if (text === null)
      throw new CutoverError(
        'router-absent',
        `${this.file.path}: expected HAProxy’s configuration, found no file`,
        {
          next: 'name it under router.haproxy.config',
        },
      );
    return { text, marked: markedText(text, this.file.path) };
  }

  private async variables(names: readonly string[]): Promise<(string | null)[]> {
    const answers = await tellHaproxy(
      this.settings.socket,
      names.map((name) => `get var ${name}`),
    );
    return answers.map(variableIn);
  }

  private async knows(service: string): Promise<boolean> {
    const [epoch] = await this.variables([variablesOf(service).epoch]);
    return typeof epoch === 'string';
  }

  private async expectGood(before: string | null, text: string): Promise<void> {
    const found = await this.check(text);
    if (found === null) return;
    const already = before === null ? null : await this.check(before);
    throw new CutoverError(
      'router-refused',
      already === null
        ? `HAProxy finds fault with ${this.file.path} as it would become`
        : `HAProxy finds fault with ${this.file.path} as it is, expected a configuration that is good`,
      {
        next: 'nothing was changed; what it said is shown',
        detail: { output: already ?? found },
      },
    );
  }

  /** What is wrong with a configuration; null if nothing is. */
  private async check(text: string): Promise<readonly string[] | null> {
    const candidate = this.file.candidate(text);
    try {
      const argv = this.settings.check.map((word) => word.replaceAll('{config}', candidate));
      const { exitCode, output } = await runProgram(argv, { timeoutMs: checkMs });
      return exitCode === 0 ? null : output;
    } finally {
      rmSync(candidate, { force: true });
    }
  }

  /** Changes instances and the share of the process that runs: what is new is ready before traffic comes, what is old leaves after. */
  private async tell(route: Route): Promise<void> {
    for (const colour of colours) {
      const found = await this.slots(route, colour);
      const commands: string[] = [];
      for (const [index, { host, port }] of route[colour].instances.entries()) {
        const slot = found[index];
        const name = `${backendOf(route.service, colour)}/${slotName(index)}`;
        if (isIP(host) === 0)
          throw new CutoverError('router-cannot', `HAProxy takes instances by IP address, found ${host}`, {
            next: 'give the instances IP addresses',
          });
        if (slot?.address !== host || slot.port !== port)
          commands.push(`set server ${name} addr ${host} port ${port}`);
        if (slot?.inService !== true) commands.push(`set server ${name} state ready`);
      }
      await this.order(commands);
    }
    await this.setVariables(route);
    for (const colour of colours) {
      const found = await this.slots(route, colour);
      const leaving = found.slice(route[colour].instances.length).filter(({ inService }) => inService);
      await this.order(
        leaving.map(({ name }) => `set server ${backendOf(route.service, colour)}/${name} state maint`),
      );
    }
  }

  private async setVariables(route: Route): Promise<void> {
    const names = variablesOf(route.service);
    await this.order(
      [
        [names.share, greenShare(route)],
        [names.live, route.live === 'green' ? 1 : 0],
        [names.epoch, route.epoch],
      ].map(([name, value]) => `experimental-mode on; set var ${name} int(${value})`),
    );
  }

  /** Commands to which HAProxy has nothing to say but that an address was changed. */
  private async order(commands: readonly string[]): Promise<void> {
    const answers = await tellHaproxy(this.settings.socket, commands);
    for (const [index, answer] of answers.entries())
      if (answer !== '' && !/^(IP changed|port changed|no need to change)/.test(answer))
        throw new CutoverError('router-refused', `HAProxy, told to ${commands[index]}, said: ${answer}`, {
          next: 'see that its stats socket has level admin',
        });
  }

  private async slots({ service }: Route, colour: 'blue' | 'green'): Promise<Slot[]> {
    const [answer = ''] = await tellHaproxy(this.settings.socket, [
      `show servers state ${backendOf(service, colour)}`,
    ]);
    return slotsIn(answer);
  }

  /** Has HAProxy read its configuration, and waits until the process with this structure answers. */
  private async reload(structure: string): Promise<void> {
    const { reload } = this.settings;
    const { exitCode, output } = await runProgram(reload, { timeoutMs: reloadMs });
    if (exitCode !== 0)
      throw new CutoverError(
        'router-refused',
        `${reload.join(' ')}: expected exit code 0, found ${exitCode ?? 'no end in time'}`,
        { next: 'run it by hand to see why (router.haproxy.reload)', detail: { output } },
      );
    const end = performance.now() + reloadMs;
    let seen = 'nothing';
    while (performance.now() < end) {
      try {
        const [running] = await this.variables([structureVariable]);
        if (running === structure) return;
        seen = 'the process from before';
      } catch (error) {
        seen = errorRecord(error).message;
      }
      await Bun.sleep(lookMs);
    }
    throw new CutoverError(
      'router-refused',
      `HAProxy was told to read ${this.file.path} and did not within ${reloadMs / 1000} s: found ${seen}`,
      {
        next: 'see its log; does router.haproxy.reload reload the process that has this configuration and socket?',
      },
    );
  }

  /** Sees at HAProxy itself that the route is in force. */
  private async verify(route: Route): Promise<void> {
    const names = variablesOf(route.service);
    const found = await this.variables([names.share, names.live, names.epoch]);
    const expected = [greenShare(route), route.live === 'green' ? 1 : 0, route.epoch].map(String);
    const wrong = found.join() === expected.join() ? await this.wrongInstances(route) : found.join();
    if (wrong === null) return;
    throw new CutoverError(
      'router-refused',
      `service ${route.service}: expected HAProxy to have ${expected.join()}, found ${wrong}`,
      { next: 'does somebody else tell it what to do at its runtime API?' },
    );
  }

  private async wrongInstances(route: Route): Promise<string | null> {
    for (const colour of colours) {
      const { instances } = route[colour];
      const found = await this.slots(route, colour);
      const serving = found.filter(({ inService }) => inService);
      const text = serving.map(({ address, port }) => `${address} ${port}`).join();
      if (
        text !== instances.map(({ host, port }) => `${host} ${port}`).join() ||
        found.length < slotsOf(route)
      )
        return `${colour} at ${text === '' ? 'nothing' : text}`;
    }
    return null;
  }

  /** Puts back what was there, in the file and in the process; returns why the process could not be told, if it could not. */
  private async restore(text: string | null, reloaded: boolean, service: string): Promise<string | null> {
    this.file.replace(text);
    try {
      const route = routeOf(tableIn(this.marked().marked, this.file.path), service);
      // A reload that failed left the process from before; one that did not is taken back by another.
      if (reloaded) await runProgram(this.settings.reload, { timeoutMs: reloadMs });
      else if (route) await this.tell(route);
      return null;
    } catch (error) {
      return errorRecord(error).message;
    }
  }
}

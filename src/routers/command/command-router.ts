import { z } from 'zod';
import { CutoverError, errorTable, type ErrorCode } from '../../core/errors.ts';
import type { CommandRouterSettings } from '../../core/spec/command-router.ts';
import {
  emptySide,
  nothingTold,
  Route,
  SideCounters,
  type Applied,
  type Counters,
  type Evicted,
} from '../../core/traffic.ts';
import type { Router, RouterCapabilities } from '../../ports/router.ts';
import { runProgram, type ProgramEnd } from '../configured/run-program.ts';

/** Exit codes by which the program says why it refuses; docs/routers/command.md. */
const refusals: Readonly<Record<number, ErrorCode>> = {
  3: 'stale-epoch',
  4: 'service-unknown',
  5: 'address-in-use',
  6: 'not-ready',
  7: 'router-absent',
};

const CountedSide = SideCounters.partial();
const Answers = {
  apply: z.object({ changed: z.boolean() }),
  read: z.object({ route: Route.nullable() }),
  counters: z.object({ bootId: z.string().min(1).max(200), blue: CountedSide, green: CountedSide }),
} as const;

/** Any balancer, told by a program of the user's own: it gets a verb and JSON, and answers in JSON. */
export class CommandRouter implements Router {
  readonly capabilities: RouterCapabilities;

  /** @param directory where the program runs */
  constructor(
    private readonly settings: CommandRouterSettings,
    private readonly directory: string,
  ) {
    const can = new Set(settings.can);
    this.capabilities = {
      carries: can.has('preview') ? ['preview', 'protocol'] : ['protocol'],
      preview: can.has('preview'),
      counters: can.has('counters'),
      inFlight: can.has('inFlight'),
      instances: false,
      weights: can.has('weights'),
      modes: false,
      evict: false,
      mirror: false,
    };
  }

  async apply(route: Route): Promise<Applied> {
    const { service, epoch } = route;
    const before = await this.read(service);
    const counters = before ? await this.counters(service) : this.nothing();
    const { changed } = await this.ask('apply', route, Answers.apply);
    await this.verify(route);
    return { epoch, changed, holdMs: 0, held: 0, counters };
  }

  async read(service: string): Promise<Route | null> {
    return (await this.ask('read', { service }, Answers.read)).route;
  }

  async counters(service: string): Promise<Counters> {
    const { counters, inFlight } = this.capabilities;
    if (!counters && !inFlight) {
      if (await this.read(service)) return this.nothing();
      throw new CutoverError('service-unknown', `the router has no service ${service}`, {
        next: 'deploy it first',
      });
    }
    const { bootId, blue, green } = await this.ask('counters', { service }, Answers.counters);
    const whole = (side: z.infer<typeof CountedSide>): SideCounters =>
      SideCounters.parse({ ...emptySide(), ...side });
    return { ...this.nothing(), bootId, blue: whole(blue), green: whole(green) };
  }

  evict(service: string): Promise<Evicted> {
    return Promise.reject(
      new CutoverError('router-cannot', `service ${service}: its router ends nothing that is in flight`, {
        next: 'wait for it to end, or stop the side',
      }),
    );
  }

  mirrored(): Promise<null> {
    return Promise.resolve(null);
  }

  async remove(service: string, epoch: number): Promise<void> {
    await this.ask('remove', { service, epoch }, z.object({}));
    if ((await this.read(service)) !== null) throw this.refused('remove', 'still has the service', []);
  }

  /** What it says is in force has to be what it was told, but for ports that it was to choose. */
  private async verify(route: Route): Promise<void> {
    const found = await this.read(route.service);
    const settled = (asked: Route): Route => ({
      ...asked,
      listen: asked.listen.port === 0 && found ? { ...asked.listen, port: found.listen.port } : asked.listen,
      preview:
        asked.preview?.port === 0 && found?.preview
          ? { ...asked.preview, port: found.preview.port }
          : asked.preview,
    });
    if (found && Bun.deepEquals(found, settled(route), false)) return;
    throw this.refused(
      'apply',
      `was told epoch ${route.epoch} with ${route.live} live, and ${found ? `reads epoch ${found.epoch} with ${found.live} live, or something else of it differs` : 'reads nothing'}`,
      [],
    );
  }

  private nothing(): Counters {
    const none = { blue: emptySide(), green: emptySide() };
    return { bootId: 'uncounted', at: Date.now(), ...none, refused: {}, told: nothingTold, queued: 0 };
  }

  private async ask<T>(verb: string, input: unknown, answer: z.ZodType<T>): Promise<T> {
    const { run, timeout } = this.settings;
    const end = await runProgram([...run, verb], {
      timeoutMs: timeout,
      input: `${JSON.stringify(input)}\n`,
      cwd: this.directory,
    });
    if (end.exitCode !== 0) throw this.failure(verb, end);
    let json: unknown;
    try {
      json = JSON.parse(end.stdout);
    } catch {
      throw this.refused(verb, 'answered without JSON', end.output);
    }
    const parsed = answer.safeParse(json);
    if (parsed.success) return parsed.data;
    throw this.refused(verb, `answered in another form: ${z.prettifyError(parsed.error)}`, end.output);
  }

  private failure(verb: string, { exitCode, output }: ProgramEnd): CutoverError {
    const code = exitCode === null ? undefined : refusals[exitCode];
    if (code === undefined)
      return this.refused(
        verb,
        exitCode === null
          ? 'was killed, or did not end in time'
          : `ended with exit code ${exitCode}: ${output.at(-1) ?? 'without a word'}`,
        output,
      );
    return new CutoverError(
      code,
      `${this.program()} ${verb}: ${output.at(-1) ?? errorTable[code].title.toLowerCase()}`,
      { next: 'the program that router.command names says so', detail: { output } },
    );
  }

  private refused(verb: string, what: string, output: readonly string[]): CutoverError {
    return new CutoverError('router-refused', `${this.program()} ${verb}: ${what}`, {
      next: 'run it by hand with the same input; docs/routers/command.md says what it is to answer',
      detail: { output },
    });
  }

  private program = (): string => this.settings.run.join(' ');
}

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { colours } from '../../core/colour.ts';
import { Colour } from '../../core/colour-schema.ts';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import { addressesOf } from '../../core/placement.ts';
import { routedLayer } from '../../core/spec.ts';
import type { Clock } from '../../ports/clock.ts';
import type { HeldSockets } from '../../ports/held-sockets.ts';
import type { EnvironmentRef, Platform, Shipped } from '../../ports/platform.ts';
import { AddressBook, namesIn } from './addresses.ts';
import { openBoundary, type Boundary } from './boundary.ts';
import { Disk } from './disk.ts';
import type { ContentLimits } from './entry-path.ts';
import { Environment } from './environment.ts';
import type { Surroundings } from './instance.ts';
import { Layout } from './layout.ts';
import { LinuxProcessTable, type ProcessTable } from './process-table.ts';
import { expectPrograms } from './program.ts';
import { PsProcessTable } from './ps-table.ts';
import { ReleaseStore } from './releases.ts';
import { planRun } from './run.ts';
import { checkVariables, readVariables } from './variables.ts';

export { verifyRelease } from './releases.ts';
export type { Act, Boundary } from './boundary.ts';

/** How often instances that are not our children are looked at, and the sizes of logs. */
const lookEveryMs = 200;
const rotateEveryMs = 1000;
/** When, after an adoption, strays are looked for once more. */
const sweepAfterMs = 1000;

export interface ProcessPlatformOptions {
  /** The state directory; made if it is absent. Releases, environments and logs are below it. One controller at a time uses it. */
  readonly home: string;
  readonly clock: Clock;
  /** The IP address of this machine at which instances listen, so that others reach them. Default: loopback alone. */
  readonly host?: string | undefined;
  /** Told of every act on the system; for tests that fail or kill there. */
  readonly boundary?: Boundary;
  /** Told of errors that nobody waits for, such as a restart that failed. Default: one line on standard error, not the same twice in a row. */
  readonly report?: (error: unknown) => void;
  readonly table?: ProcessTable;
  readonly limits?: ContentLimits;
  /** Who holds the listening sockets of services without a router in between. Absent: such services cannot run here. */
  readonly sockets?: HeldSockets;
}

/** Beyond the port. */
export interface ProcessPlatform extends Platform {
  /** What was shipped under this number; null if nothing was, or not all of it. */
  find(service: string, release: number): Promise<Shipped | null>;
}

/**
 * The platform `process`: instances are processes of this machine, each a session of its own that outlives the controller.
 * On Linux a process is known by pid, start time and boot, and by the tag in its environment; elsewhere by pid and start time.
 * A program must stay in the foreground: one that goes into the background counts as ended, and what it left is ended too.
 */
export function createProcessPlatform(options: ProcessPlatformOptions): ProcessPlatform {
  const { clock, boundary = openBoundary, report = reportOnce(), limits } = options;
  mkdirSync(options.home, { recursive: true, mode: 0o700 });
  const home = realpathSync(resolve(options.home));
  const layout = new Layout(home);
  const disk = new Disk(boundary);
  const table =
    options.table ?? (existsSync('/proc/self/stat') ? new LinuxProcessTable() : new PsProcessTable());
  const { sockets } = options;
  const around: Surroundings = { layout, disk, clock, table, homeTag: homeTag(home), report, sockets };
  const releases = new ReleaseStore({ ...around, ...(limits ? { limits } : {}) });
  const addresses = new AddressBook(layout, disk, options.host);
  const closing = new AbortController();
  const environments = new Map<string, Environment>();
  let watching: Promise<void> | undefined;

  const environment = (ref: EnvironmentRef): Environment => {
    const key = `${ref.service}/${ref.colour}`;
    let known = environments.get(key);
    if (!known) environments.set(key, (known = new Environment(around, ref, closing.signal)));
    return known;
  };

  const watch = async (): Promise<void> => {
    let rotateAt = clock.monotonic();
    while (!closing.signal.aborted) {
      for (const known of environments.values()) known.look();
      if (clock.monotonic() >= rotateAt) {
        rotateAt = clock.monotonic() + rotateEveryMs;
        for (const known of environments.values()) known.rotateLogs().catch(report);
      }
      await clock.sleep(lookEveryMs, closing.signal).catch(() => undefined); // cut short only by closing
    }
  };
  const sweepLater = async (): Promise<void> => {
    await clock.sleep(sweepAfterMs, closing.signal).catch(() => undefined); // cut short only by closing
    for (const known of closing.signal.aborted ? [] : environments.values()) await known.sweep();
  };
  const beginWatching = (): void => {
    watching ??= watch();
  };

  return {
    capabilities: {
      addressPerColour: options.host === undefined && process.platform === 'linux',
      restarts: true,
    },

    async place(ref, release, previous) {
      return addresses.place(ref, release, previous, await environment(ref).heldAddresses());
    },

    find: (service, release) => releases.find(service, release),

    async ship(service, release, signal) {
      const isNew = !(await releases.find(service, release.number));
      const shipped = await releases.ship(service, release, signal);
      if (isNew) await expectPrograms(service, release, shipped.directory);
      return shipped;
    },

    async start(ref, release, placement, only) {
      if (!(await releases.find(ref.service, release.number))) {
        throw new CutoverError(
          'release-unknown',
          `Release ${release.number} of ${ref.service}: expected it to be shipped; found nothing under ${layout.release(ref.service, release.number)}`,
          {
            next: 'Ship it first: deploy it again.',
          },
        );
      }
      beginWatching();
      await environment(ref).start(release, placement, only);
    },

    stop: (ref) => environment(ref).stop(),
    inspect: (ref) => environment(ref).inspect(),
    listening: (ref, layer, index) => environment(ref).listening(layer, index),
    lease: (ref, order) => environment(ref).lease(order),
    logs: (ref, query) => environment(ref).logs(query),

    async prune(service, keep) {
      const running = await Promise.all(
        colours.map((colour) => environment({ service, colour }).runningRelease()),
      );
      return releases.prune(service, new Set([...keep, ...running.filter((number) => number !== null)]));
    },

    async variables(ref, release, placement) {
      const run = planRun(ref, release, placement);
      const name = routedLayer(release.spec);
      const layer = run.layers.find((candidate) => candidate.layer === name);
      const [address] = addressesOf(placement, name);
      if (!layer || !address)
        throw new CutoverError(
          'internal',
          `Layer ${name} of ${ref.service}: expected an address; found none`,
        );
      return { ...(await readVariables(run, layer)), ...checkVariables(run, name, address) };
    },

    async adopt() {
      const problems: Error[] = [];
      for (const service of await namesIn(layout.environments)) {
        for (const name of await namesIn(layout.serviceEnvironments(service))) {
          const colour = Colour.safeParse(name);
          if (!colour.success) continue;
          try {
            await environment({ service, colour: colour.data }).adopt();
          } catch (thrown) {
            problems.push(thrown instanceof Error ? thrown : new Error(String(thrown)));
          }
        }
      }
      beginWatching();
      sweepLater().catch(report);
      const [first] = problems;
      if (first === undefined) return;
      if (!(first instanceof CutoverError) || problems.length === 1) throw first;
      const all = problems.map((problem) => errorRecord(problem).message);
      throw new CutoverError(first.code, `${first.message} (and ${problems.length - 1} more)`, {
        ...first.options,
        detail: { ...first.detail, problems: all },
      });
    },

    async close() {
      closing.abort(new Error('the platform is closing'));
      await watching;
      await Promise.all([...environments.values()].map((known) => known.idle()));
      sockets?.close();
    },
  };
}

/**
 * What begins every tag of this state directory. By its place and its inode, so that a copy of the directory does not
 * take the processes of the original for its own.
 */
function homeTag(home: string): string {
  const { dev, ino } = statSync(home, { bigint: true });
  return createHash('sha256').update(`${home}\0${dev}\0${ino}`).digest('hex').slice(0, 16);
}

function reportOnce(): (error: unknown) => void {
  let last = '';
  return (error) => {
    const { code, message } = errorRecord(error);
    const line = `platform process: ${code}: ${message.replaceAll(/[\r\n]+/g, ' ')}`;
    if (line !== last) process.stderr.write(`${line}\n`);
    last = line;
  };
}

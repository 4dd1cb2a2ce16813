import { join, resolve } from 'node:path';
import type { Colour } from '../../core/colour.ts';
import { CutoverError } from '../../core/errors.ts';
import type { Release } from '../../core/release.ts';
import type { Spec } from '../../core/spec.ts';
import type { CommandRunner } from '../../ports/command.ts';
import type { Shipped } from '../../ports/platform.ts';
import type { Disk } from '../process/disk.ts';
import type { SshWay } from './ssh/way.ts';

/** A host as tools for many hosts have to know it. */
export interface ListedHost {
  readonly name: string;
  /** Where it is reached. */
  readonly at: string;
  /** How, if by SSH. */
  readonly way: SshWay | null;
}

type Values = Spec['environments']['variables'];

/** An inventory as Ansible reads it; being JSON, others read it too. */
export function inventoryOf(
  hosts: readonly ListedHost[],
  variables: Readonly<Record<string, string>>,
): Record<string, unknown> {
  return {
    all: {
      hosts: Object.fromEntries(
        hosts.map(({ name, at, way }) => [name, { ansible_host: at, ...(way && loginOf(way)) }]),
      ),
      vars: Object.fromEntries(Object.entries(variables).map(([name, value]) => [name.toLowerCase(), value])),
    },
  };
}

function loginOf({ hops, knownHosts }: SshWay): Record<string, unknown> {
  const last = hops.at(-1);
  if (!last) return {};
  const jumps = hops.slice(0, -1).map(({ user, host, port }) => `${user}@${host}:${port}`);
  // Read by a shell-like splitter there: what is in quotes is one word.
  const options = [
    `-o UserKnownHostsFile="${knownHosts}"`,
    ...(jumps.length > 0 ? [`-J ${jumps.join(',')}`] : []),
  ];
  return {
    ansible_user: last.user,
    ansible_port: last.port,
    ...(last.key === null ? {} : { ansible_ssh_private_key_file: last.key }),
    ansible_ssh_common_args: options.join(' '),
    // The same for tools that are not Ansible.
    cutover_known_hosts: knownHosts,
    cutover_jump: jumps,
  };
}

/** `{NAME}` in the words of a command. Others are left as they are. */
export const filledIn = (command: readonly string[], variables: Readonly<Record<string, string>>): string[] =>
  command.map((word) =>
    word.replaceAll(/\{(CUTOVER_[A-Z_]+)\}/g, (whole, name: string) => variables[name] ?? whole),
  );

/**
 * Runs the command of a spec that readies hosts. What it said last is kept beside the inventory.
 *
 * @throws CutoverError `ship-failed`; `aborted`
 */
export async function shipByCommand(
  { commands, disk, home }: { readonly commands: CommandRunner; readonly disk: Disk; readonly home: string },
  {
    service,
    colour,
    release,
    made,
  }: { readonly service: string; readonly colour: Colour; readonly release: Release; readonly made: Shipped },
  hosts: readonly ListedHost[],
  signal?: AbortSignal,
): Promise<void> {
  const { platform, environments } = release.spec;
  const { ship } = platform;
  if (!ship) return;
  const folder = join(home, 'stacks', service);
  const inventory = join(folder, `${colour}-inventory.json`);
  const facts = {
    CUTOVER_SERVICE: service,
    CUTOVER_ENVIRONMENT: colour,
    CUTOVER_RELEASE: String(release.number),
    CUTOVER_VERSION: release.version,
    CUTOVER_DIGEST: made.digest,
    CUTOVER_DIRECTORY: made.directory,
    CUTOVER_HOSTS: hosts.map(({ name }) => name).join(' '),
    CUTOVER_INVENTORY: inventory,
  };
  await disk.replace(inventory, `${JSON.stringify(inventoryOf(hosts, facts), null, 1)}\n`);
  const given: Values = { ...environments.variables, ...environments[colour].variables, ...ship.variables };
  const {
    ok,
    detail,
    output = [],
  } = await commands.run(
    filledIn(ship.command, facts),
    {
      variables: {
        ...Object.fromEntries(
          Object.entries(given).flatMap(([name, value]) =>
            typeof value === 'string' ? [[name, value]] : [],
          ),
        ),
        ...facts,
      },
      files: Object.fromEntries(
        Object.entries(given).flatMap(([name, value]) =>
          typeof value === 'string' ? [] : [[name, resolve(release.base, value.file)]],
        ),
      ),
      directory: made.directory,
    },
    ship.timeout,
    signal,
  );
  await disk.replace(
    join(folder, `${colour}-ship.log`),
    [`release ${release.number}`, ...output, detail, ''].join('\n'),
  );
  if (signal?.aborted === true)
    throw new CutoverError('aborted', `${colour}: readying the hosts was given up`, { cause: signal.reason });
  if (!ok)
    throw new CutoverError(
      'ship-failed',
      `${colour}: readying ${hosts.length} ${hosts.length === 1 ? 'host' : 'hosts'} for release ${release.number}: ${detail}`,
      {
        next: 'see what it said; mend the hosts or the command, and deploy again',
        detail: { output: [...output] },
      },
    );
}

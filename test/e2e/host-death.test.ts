import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HookStage } from '../../src/core/spec/hook.ts';
import type { SpecInput } from '../../src/core/spec.ts';
import { shellLine } from '../../src/platforms/host/ssh/shell-words.ts';
import { removeSealed } from '../../src/platforms/process/sealed-tree.ts';
import { startLoad, type Load } from '../../src/testing/load/load.ts';
import { makeKey } from '../../src/testing/ssh-server.ts';
import { AgentHost, SshHost } from '../fixtures/far-host.ts';
import { enterOwnNetwork } from '../fixtures/network.ts';
import { command, House, shop, until } from './house.ts';

const reason = enterOwnNetwork();
const connections = 4;

describe.skipIf(reason !== null)(
  `a host that dies in the middle of a deployment${reason === null ? '' : ` (skipped: ${reason})`}`,
  () => {
    let house: House;
    let root: string;
    let agents: AgentHost[];
    let ssh: SshHost[];
    let load: Load;
    let release: 1 | 2 = 1;

    beforeAll(async () => {
      root = mkdtempSync(join(tmpdir(), 'cutover far '));
      house = await House.open();
      const key = makeKey(join(root, 'id'));
      agents = [1, 3].map((n) => new AgentHost(`web${n}`, n, join(root, `web${n}`)));
      ssh = [2, 4].map((n) => new SshHost(`web${n}`, n, join(root, `web${n}`), key));
      await Promise.all([...agents, ...ssh].map((host) => host.start()));
      for (const host of agents) await host.enroll(house.home);
      writeFileSync(join(root, 'known_hosts'), (await Promise.all(ssh.map((host) => host.known()))).join(''));
      const program = join(root, 'program');
      writeFileSync(program, `#!/bin/sh\nexec ${shellLine(command())} "$@"\n`);
      chmodSync(program, 0o755);
      expect(await house.deployed(shop(1), onHosts())).toMatchObject({ status: 'succeeded', failure: null });
      load = startLoad({
        target: house.listen,
        connections,
        rate: 60,
        mix: { 'keep-alive': 1, close: 1 },
        seed: 5,
      });
    }, 60_000);
    afterAll(async () => {
      await load.stop();
      await house.close();
      for (const host of [...agents, ...ssh]) await host.close();
      await removeSealed(root);
    }, 60_000);

    /** Each environment has one host with an agent and one by SSH. */
    const onHosts =
      (more: object = {}, rest: Partial<SpecInput> = {}) =>
      (spec: SpecInput): SpecInput => ({
        ...spec,
        strategy: { ...spec.strategy, bake: '1s' },
        platform: {
          driver: 'host',
          hosts: { blue: ['web1', 'web2'], green: ['web3', 'web4'] },
          ssh: {
            key: join(root, 'id'),
            knownHosts: join(root, 'known_hosts'),
            program: join(root, 'program'),
            hosts: Object.fromEntries(ssh.map(({ name, address }) => [name, { host: address }])),
          },
          ...more,
        },
        ...rest,
      });
    const live = async (): Promise<string | null> => (await house.service()).live;

    /** Deploys, and has a host of the new side die at a moment. */
    async function deployWithDeath(
      by: 'agent' | 'ssh',
      hook: { readonly before?: HookStage; readonly after?: HookStage },
      mayMiss: number,
      later = false,
    ): Promise<{ ended: string; failed: number; states: string[] }> {
      const at = (await live()) === 'blue' ? 1 : 0;
      const host = by === 'agent' ? agents[at] : ssh[at];
      if (!host) throw new Error('there are two of each');
      release = release === 1 ? 2 : 1;
      const before = load.snapshot();
      const death = later
        ? ['setsid', '-f', 'sh', '-c', `sleep 0.2; ${shellLine([host.death])}`]
        : [host.death];
      const hooks = [{ ...hook, command: death }];
      try {
        const { status, failure } = await house.deployed(shop(release), onHosts({ mayMiss }, { hooks }));
        const after = load.snapshot().requests + 20;
        await until('more were answered', () => (load.snapshot().requests >= after ? true : undefined));
        const side = (await live()) === 'blue' ? 'blue' : 'green';
        const { instances } = (await house.service()).environments[side];
        return {
          // With what went wrong, if that is not what was to come.
          ended: status === 'succeeded' || mayMiss === 0 ? status : `${status}: ${failure?.message ?? ''}`,
          failed: load.snapshot().failed - before.failed,
          states: instances.map(({ state }) => state),
        };
      } finally {
        await host.comeBack();
      }
    }

    // By turns: what is found of a host that is gone is the same by agent and by SSH.
    test.each([
      ['agent', 'ship'],
      ['ssh', 'start'],
      ['agent', 'verify'],
      ['ssh', 'switch'],
      ['agent', 'bake'],
      ['ssh', 'bake'],
    ] as const)(
      '(%s) before %s is done without, where so many may be',
      async (by, before) => {
        const was = await live();
        const { ended, failed, states } = await deployWithDeath(by, { before }, 1);
        expect([ended, await live()]).toEqual(['succeeded', was === 'blue' ? 'green' : 'blue']);
        // Nobody was on that host before it had traffic; of those who were, each asked once.
        expect(failed).toBeLessThanOrEqual(before === 'bake' ? connections : 0);
        expect(states).toEqual(before === 'ship' ? ['running', 'running'] : ['running']);
      },
      60_000,
    );

    test('(ssh) while it starts instances is done without, where so many may be', async () => {
      const { ended, failed } = await deployWithDeath('ssh', { before: 'start' }, 1, true);
      expect([ended, failed]).toEqual(['succeeded', 0]);
    }, 60_000);

    test('(agent) takes the whole stack back where none may be away', async () => {
      const was = await live();
      const { ended, failed } = await deployWithDeath('agent', { before: 'start' }, 0);
      expect([ended, failed, await live()]).toEqual(['undone', 0, was]);
    }, 60_000);
  },
);

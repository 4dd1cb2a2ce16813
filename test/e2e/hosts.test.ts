import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { Authority } from '../../src/agent/control/authority.ts';
import { Invitations } from '../../src/agent/control/invitations.ts';
import { Address, parseAddress } from '../../src/core/address.ts';
import type { SpecInput } from '../../src/core/spec.ts';
import { Enrollments } from '../../src/platforms/host/enrollment.ts';
import { removeSealed } from '../../src/platforms/process/sealed-tree.ts';
import { startLoad } from '../../src/testing/load/load.ts';
import { command, House, shop, until } from './house.ts';

const names = ['web1', 'web2', 'web3', 'web4'];

/** A host, as far as one machine can have several: an agent with a home of its own. */
interface Host {
  readonly home: string;
  readonly control: string;
  child: Bun.Subprocess<'ignore', 'pipe', 'ignore'>;
}

let house: House;
let root: string;
let hosts: Host[];

async function runAgent(home: string, control: string): Promise<{ child: Host['child']; control: string }> {
  const child = Bun.spawn(
    [
      ...command(),
      'agent',
      'run',
      '--home',
      home,
      '--control',
      control,
      '--advertise',
      '127.0.0.1',
      '--json',
    ],
    { detached: true, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  let text = '';
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.endsWith('\n}\n')) break;
  }
  const ready = z.object({ control: Address }).parse(JSON.parse(text));
  return { child, control: `127.0.0.1:${ready.control.port}` };
}

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'cutover hosts '));
  house = await House.open();
  hosts = [];
  const enrollments = new Enrollments(house.home);
  for (const name of names) {
    const home = join(root, name);
    mkdirSync(home);
    hosts.push({ home, ...(await runAgent(home, '127.0.0.1:0')) });
    const { fingerprint } = await Authority.open(join(home, 'agent'));
    const secret = new Invitations(join(home, 'agent')).invite(Date.now() + 60_000, Date.now());
    const address = parseAddress(hosts.at(-1)?.control ?? '');
    if (address) await enrollments.enroll(name, address, { authority: fingerprint, secret });
  }
});
afterEach(async () => {
  await house.close();
  for (const { child } of hosts) {
    child.kill('SIGTERM');
    await child.exited;
  }
  await removeSealed(root);
});

const onHosts =
  (more: object = {}) =>
  (spec: SpecInput): SpecInput => ({
    ...spec,
    platform: { driver: 'host', hosts: { blue: ['web1', 'web2'], green: ['web3', 'web4'] }, ...more },
  });
const answers = async (): Promise<string | null> => {
  const response = await fetch(`http://127.0.0.1:${house.listen.port}/`);
  await response.arrayBuffer();
  return response.headers.get('x-shop-release');
};

test('goes from one stack of hosts to the other and back under load, and nothing is lost', async () => {
  expect((await house.deployed(shop(1), onHosts())).status).toBe('succeeded');
  const load = startLoad({ target: house.listen, connections: 8, seed: 1 });
  await until('requests were answered', () => (load.snapshot().requests > 100 ? true : undefined));
  // Agents are not needed for traffic.
  for (const host of hosts) {
    host.child.kill('SIGKILL');
    await host.child.exited;
    host.child = (await runAgent(host.home, host.control)).child;
  }
  expect((await house.deployed(shop(2), onHosts())).status).toBe('succeeded');
  expect(await answers()).toBe('2');
  await house.rollback();
  expect(await answers()).toBe('1');
  const { failed, failures } = await load.stop();
  expect([failed, failures]).toEqual([0, []]);
  const { environments } = await house.service();
  expect(environments.blue.instances.map(({ state }) => state)).toEqual(['running', 'running']);
}, 180_000);

test.each(['before', 'while it goes on'])(
  'takes the whole stack back when a host dies %s',
  async (when) => {
    expect((await house.deployed(shop(1), onHosts())).status).toBe('succeeded');
    const lost = hosts[3];
    if (!lost) throw new Error('there are four');
    if (when === 'before') {
      lost.child.kill('SIGKILL');
      await lost.child.exited;
    }
    const begun = await house.deploy(shop(2), onHosts());
    if (when !== 'before') {
      await until('the new stack is being started', async () => {
        const { steps } = await house.deployment(begun.id);
        return steps.some(({ kind, status }) => kind === 'prepare' && status === 'done') ? true : undefined;
      });
      lost.child.kill('SIGKILL');
      await lost.child.exited;
    }
    const ended = await house.settled(begun.id);
    if (when === 'before') {
      expect([ended.status, ended.failure?.code]).toEqual(['undone', 'agent-absent']);
      expect(ended.failure?.message).toContain('web4');
      expect(await answers()).toBe('1');
      const less = await house.deployed(shop(2), onHosts({ mayMiss: 1 }));
      expect(less.status).toBe('succeeded');
      expect(await answers()).toBe('3');
    } else {
      // Whichever step it met: never a part of it, and users are served all the time.
      expect(['undone', 'succeeded']).toContain(ended.status);
      expect(await answers()).toBe(ended.status === 'undone' ? '1' : '2');
    }
    lost.child = (await runAgent(lost.home, lost.control)).child;
  },
  180_000,
);

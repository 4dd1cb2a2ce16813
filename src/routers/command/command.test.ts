import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CutoverError } from '../../core/errors.ts';
import { CommandRouterSettings } from '../../core/spec/command-router.ts';
import { routerSuite } from '../../testing/router.suite.ts';
import { CommandBalancer } from '../../../test/fixtures/command-balancer.ts';
import { HaproxyFixture } from '../../../test/fixtures/haproxy.ts';
import { routeTo, startOrigin, type Origin } from '../../../test/fixtures/proxy.ts';
import { sideAt } from '../../../test/fixtures/side-of.ts';
import { CommandRouter } from './command-router.ts';

// A process is started for each call, and HAProxy checks and reloads for each change.
setDefaultTimeout(30_000);
let blue: Origin;
let green: Origin;
beforeAll(() => {
  blue = startOrigin('blue');
  green = startOrigin('green');
});
afterAll(() => Promise.all([blue.close(), green.close()]));

function freePort(): number {
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

const absent = HaproxyFixture.absent();
describe.skipIf(absent !== null)(
  `the program of the example, with HAProxy (${absent ?? 'installed'})`,
  () => {
    routerSuite('command', async () => {
      const balancer = await CommandBalancer.start();
      const stranger = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
      const ports = new Map<string, number>();
      return {
        router: new CommandRouter(balancer.settings, balancer.folder),
        // The program takes the ports that it is told.
        route(service, epoch) {
          const port = ports.get(service) ?? freePort();
          ports.set(service, port);
          return {
            ...routeTo(service, epoch, 'blue', blue.address, green.address),
            listen: { host: '127.0.0.1', port },
          };
        },
        request: ({ listen }) => sideAt(listen),
        async restart() {
          await balancer.end();
          await balancer.begin();
        },
        takenAddress: () => Promise.resolve({ host: '127.0.0.1', port: stranger.port }),
        async close() {
          stranger.stop(true);
          await balancer.close();
        },
      };
    });
  },
);

describe('a program that does not keep to what is agreed', () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });
  const route = routeTo('shop', 1, 'blue', { host: '127.0.0.1', port: 1 }, { host: '127.0.0.1', port: 2 });

  async function refusal(script: string, more: object = {}): Promise<CutoverError> {
    const folder = mkdtempSync(join(tmpdir(), 'cutover command '));
    folders.push(folder);
    mkdirSync(join(folder, 'in'));
    writeFileSync(join(folder, 'in/tell'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const settings = CommandRouterSettings.parse({ run: ['./in/tell'], ...more });
    const thrown: unknown = await new CommandRouter(settings, folder).apply(route).catch((e: unknown) => e);
    if (thrown instanceof CutoverError) return thrown;
    throw new Error('it was not refused', { cause: thrown });
  }

  const unknown = `[ "$1" = read ] && echo '{"route":null}' && exit 0`;
  test('fails without a word that is agreed: its last words are shown', async () => {
    const error = await refusal(`${unknown}\necho 'the balancer is on fire' >&2; exit 9`);
    expect(error).toMatchObject({ code: 'router-refused', detail: { output: ['the balancer is on fire'] } });
    expect(error.message).toContain('apply: ended with exit code 9');
  });

  test('refuses by an exit code that is agreed', async () => {
    const error = await refusal(`${unknown}\necho 'epoch 1 is old' >&2; exit 3`);
    expect([error.code, error.message]).toEqual(['stale-epoch', './in/tell apply: epoch 1 is old']);
  });

  test('answers no JSON, or JSON of another form', async () => {
    expect((await refusal('echo done')).message).toContain('read: answered without JSON');
    expect((await refusal(`${unknown}\necho '{"changed":"yes"}'`)).message).toContain(
      'apply: answered in another form',
    );
  });

  test('says that it is done, and it is not so', async () => {
    const error = await refusal(`${unknown}\necho '{"changed":true}'`);
    expect(error).toMatchObject({ code: 'router-refused' });
    expect(error.message).toContain('was told epoch 1 with blue live, and reads nothing');
  });

  test('does not end in time', async () => {
    const error = await refusal('exec sleep 60', { timeout: '100ms' });
    expect(error.message).toContain('was killed, or did not end in time');
  });

  test('is not there', async () => {
    const error = await refusal('', { run: ['./nowhere'] });
    expect(error.message).toContain('the program ./nowhere could not be started');
  });
});

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeploymentView, PlanView, StatusView, SwitchedView } from '../../src/server/api.ts';
import { startLoad } from '../../src/testing/load/load.ts';
import { command, freePort, shop, until } from './house.ts';

const repository = join(import.meta.dir, '..', '..');

/** A folder of a user, with a program and a spec, and the command line run in it. */
class Folder {
  readonly root = mkdtempSync(join(tmpdir(), 'a user’s folder '));
  port = 0;

  constructor(private readonly cutover: readonly string[]) {}

  async prepare(): Promise<void> {
    this.port = await freePort();
    mkdirSync(join(this.root, 'app'));
    this.checkOut(1);
    const spec = {
      service: 'shop',
      router: { listen: `127.0.0.1:${this.port}` },
      release: { from: 'app' },
      environments: {
        layers: {
          web: {
            command: ['node', 'server.js'],
            instances: 2,
            health: { http: { path: '/health' }, interval: '20ms' },
          },
        },
      },
      strategy: { drain: '500ms', bake: '0' },
      checks: [{ name: 'home', http: { path: '/', contains: '</html>' } }],
    };
    writeFileSync(join(this.root, 'cutover.yaml'), JSON.stringify(spec, null, 2));
  }

  checkOut(release: 1 | 2): void {
    cpSync(shop(release), join(this.root, 'app'), { recursive: true });
  }

  async run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const env = { ...process.env, CUTOVER_HOME: undefined, NO_COLOR: undefined, FORCE_COLOR: undefined };
    const child = Bun.spawn([...this.cutover, ...args], {
      cwd: this.root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { code, out, err };
  }

  /** The one JSON document that a verb answers; the command line's own, so its form is taken as it is. */
  async json<T>(...args: string[]): Promise<T> {
    const { code, out, err } = await this.run(...args, '--json');
    if (code !== 0) throw new Error(`cutover ${args.join(' ')} ended with ${code}: ${out}${err}`);
    return JSON.parse(out) as T;
  }

  async close(): Promise<void> {
    await this.run('down', '--purge');
    rmSync(this.root, { recursive: true, force: true });
  }
}

let executable: string;
beforeAll(async () => {
  const place = mkdtempSync(join(tmpdir(), 'cutover executable '));
  executable = join(place, 'cutover');
  const build = Bun.spawn([process.execPath, join(repository, 'scripts/build.ts'), '--out', executable], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  expect(await build.exited).toBe(0);
}, 60_000);
afterAll(() => rmSync(join(executable, '..'), { recursive: true, force: true }));

for (const [name, cutover] of [
  ['from the sources', (): readonly string[] => command()],
  ['as one executable file', (): readonly string[] => [executable]],
] as const) {
  describe(`the story of a user, with Cutover ${name}`, () => {
    let folder: Folder;
    beforeAll(async () => {
      folder = new Folder(cutover());
      await folder.prepare();
    });
    afterAll(async () => {
      await folder.close();
    });

    test('without a controller, a deployment says what to do', async () => {
      const { code, err } = await folder.run('deploy');
      expect(code).toBe(3);
      expect(err).toContain('cutover up');
    });

    test('up, plan, deploy', async () => {
      expect((await folder.run('up')).code).toBe(0);
      const again = await folder.run('up');
      expect(again).toMatchObject({ code: 0 });
      const { plan, steps } = await folder.json<PlanView>('plan');
      expect(steps).toHaveLength(plan.steps.length);
      const deployment = await folder.json<DeploymentView>('deploy', '--version', 'one');
      expect(deployment).toMatchObject({ status: 'succeeded', version: 'one' });
      expect(deployment.steps.map(({ kind }) => kind)).toEqual(plan.steps.map(({ kind }) => kind));
    });

    test('the next release and the way back, under load, and nothing is lost', async () => {
      const load = startLoad({ target: { host: '127.0.0.1', port: folder.port }, connections: 8, seed: 6 });
      await until('requests were answered', () => (load.snapshot().requests > 100 ? true : undefined));
      folder.checkOut(2);
      expect(await folder.json<DeploymentView>('deploy', '--version', 'two')).toMatchObject({
        status: 'succeeded',
      });
      const back = await folder.json<SwitchedView>('rollback');
      expect(back).toMatchObject({ release: 1, version: 'one', to: 'blue' });
      const { failed, failures } = await load.stop();
      expect(failures).toEqual([]);
      expect(failed).toBe(0);
      expect((await folder.run('receipt', '2')).out).toContain('failed          0');
    });

    test('down stops everything, and up brings it back as it was', async () => {
      expect((await folder.run('down')).code).toBe(0);
      expect((await folder.run('status')).code).toBe(3);
      expect(fetch(`http://127.0.0.1:${folder.port}/`)).rejects.toThrow();
      await folder.run('up');
      const { services } = await folder.json<StatusView>('status');
      expect(services[0]).toMatchObject({ name: 'shop', live: 'blue' });
      const release = await until('the shop answers', async () => {
        const response = await fetch(`http://127.0.0.1:${folder.port}/`).catch(() => null);
        return response?.ok ? (response.headers.get('x-shop-release') ?? undefined) : undefined;
      });
      expect(release).toBe('1');
    });

    test('a stranger finds nothing of it after down', async () => {
      await folder.run('down');
      const log = readFileSync(join(folder.root, '.cutover', 'controller.log'), 'utf8');
      expect(log).toContain('stops, asked by');
      expect(existsSync(join(folder.root, '.cutover', 'controller.sock'))).toBe(false);
    });

    test('purged, it leaves nothing in the folder, sealed releases neither', async () => {
      const { code, out } = await folder.run('down', '--purge');
      expect(out).toContain('removed');
      expect(code).toBe(0);
      expect(existsSync(join(folder.root, '.cutover'))).toBe(false);
    });
  });
}

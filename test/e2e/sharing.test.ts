import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { Source } from '../../src/core/release.ts';
import type { SpecInput } from '../../src/core/spec.ts';
import type { DeploymentView } from '../../src/server/api.ts';
import { startLoad } from '../../src/testing/load/load.ts';
import { House, shop, until } from './house.ts';

describe('two services of one home at one address', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(async () => {
    await house.close();
  });

  /** Says which service and release it is, and nothing else. */
  const tiny = [
    'node',
    '-e',
    `const { CUTOVER_SERVICE: s, CUTOVER_RELEASE: r, HOST, PORT } = process.env;
     require('node:http').createServer((_, response) => response.end(s + ' ' + r)).listen(PORT, HOST);`,
  ];
  /** Deploys a service of its own spec, as its own team would. */
  async function deployed(
    service: string,
    release: 1 | 2,
    router: Partial<SpecInput['router']>,
  ): Promise<DeploymentView> {
    const base = house.spec();
    const health = { tcp: true as const, interval: '20ms' };
    const spec: SpecInput = {
      ...base,
      service,
      router: { ...base.router, ...router },
      ...(service === 'shop'
        ? {}
        : { environments: { layers: { web: { command: tiny, health, stop: { grace: '2s' } } } } }),
    };
    const path = shop(release);
    const source: Source = { kind: 'directory', path };
    const order = { spec, base: path, source, version: `v${release}` };
    const { id } = await house.ask<DeploymentView>('POST', `/v1/services/${service}/deployments`, {
      by: 'test',
      order,
    });
    return until(`deployment ${id} of ${service} ends`, async () => {
      const view = await house.ask<DeploymentView>('GET', `/v1/services/${service}/deployments/${id}`);
      return view.status === 'running' || view.status === 'turning-back' ? undefined : view;
    });
  }
  const releaseAt = async (host: string): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${house.listen.port}/`, { headers: { host } });
    const body = await response.text();
    const of = response.headers.get('x-shop-release');
    return response.status !== 200 ? String(response.status) : of === null ? body : `shop ${of}`;
  };

  const blog = { hosts: ['blog.example', '*.blog.example'] };
  test('are deployed apart under load, and neither loses a request', async () => {
    expect((await deployed('shop', 1, {})).status).toBe('succeeded');
    const load = startLoad({ target: house.listen, connections: 8, seed: 3 });
    await until('requests were answered', () => (load.snapshot().requests > 100 ? true : undefined));

    expect((await deployed('blog', 1, blog)).status).toBe('succeeded');
    expect(await releaseAt('blog.example')).toBe('blog 1');
    expect(await releaseAt('a.blog.example:80')).toBe('blog 1');
    expect(await releaseAt('127.0.0.1')).toBe('shop 1');

    expect((await deployed('blog', 2, blog)).status).toBe('succeeded');
    expect(await releaseAt('blog.example')).toBe('blog 2');
    expect(Object.keys(load.snapshot().byRelease)).toEqual(['1']);
    expect((await deployed('shop', 2, {})).status).toBe('succeeded');
    expect(await releaseAt('blog.example')).toBe('blog 2');
    expect(await releaseAt('127.0.0.1')).toBe('shop 2');

    const { failed, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(failed).toBe(0);
  }, 60_000);

  test('do not take hosts from each other', async () => {
    const { status, failure } = await deployed('wiki', 1, { hosts: ['wiki.example', 'blog.example'] });
    expect(status).toBe('undone');
    expect(failure?.code).toBe('route-taken');
    expect(failure?.message).toContain('blog.example');
    expect(failure?.message).toContain('service blog');
    expect(await releaseAt('blog.example')).toBe('blog 2');
    expect(await releaseAt('wiki.example')).toBe('shop 2');
  }, 30_000);
});

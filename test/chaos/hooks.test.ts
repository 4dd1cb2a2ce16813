import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SpecInput } from '../../src/core/spec.ts';
import type { NoticesView, NoticeTestView } from '../../src/server/api.ts';
import { WebhookReceiver } from '../../src/testing/webhook-receiver.ts';
import { House, shop, until } from '../e2e/house.ts';

/*
 * Hooks and notifications with real processes. The controller is killed, as by `kill -9`, while a hook is run and while somebody is still to be told.
 */
describe('hooks and notifications', () => {
  let house: House;
  const folder = mkdtempSync(join(tmpdir(), 'hooks of '));
  const path = (name: string): string => join(folder, name);
  const script = (name: string, text: string): string => {
    writeFileSync(path(name), `#!/bin/sh\n${text}\n`);
    chmodSync(path(name), 0o755);
    return path(name);
  };
  const with_ =
    (more: Partial<SpecInput>) =>
    (spec: SpecInput): SpecInput => ({ ...spec, ...more });
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(async () => {
    await house.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('a hook that the controller dies in is run again under its id', async () => {
    const tell = script(
      'tell',
      `echo "$CUTOVER_WHEN $CUTOVER_STAGE $CUTOVER_HOOK_ID $CUTOVER_URL" >> '${path('told')}'
if [ ! -e '${path('go')}' ]; then echo $$ > '${path('hangs')}'; exec sleep 60; fi
pwd`,
    );
    const { id } = await house.deploy(
      shop(1),
      with_({ hooks: [{ before: 'switch', name: 'tell', command: [tell], timeout: '50s' }] }),
    );
    await until('the hook is run', () =>
      existsSync(path('hangs')) && readFileSync(path('hangs'), 'utf8').endsWith('\n') ? true : undefined,
    );
    await house.kill();
    // What a controller that is killed was running goes on to its end.
    process.kill(Number(readFileSync(path('hangs'), 'utf8')), 'SIGKILL');
    writeFileSync(path('go'), '');
    await house.start();
    const ended = await house.settled(id);
    expect(ended).toMatchObject({ status: 'succeeded', failure: null });
    const lines = readFileSync(path('told'), 'utf8').trim().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^before switch hook-shop-1-\S+ http:\/\/127\./);
    expect(lines[1]).toBe(lines[0] ?? '');
    const [run] = ended.receipt?.hooks ?? [];
    expect(run).toMatchObject({ name: 'tell', ok: true });
    expect(run?.output[0]).toContain(house.home);
  }, 60_000);

  test('a hook that fails takes the release back, and what it printed is told', async () => {
    const refuse = script('refuse', 'echo "the schema is too old"; exit 3');
    const ended = await house.deployed(
      shop(2),
      with_({ hooks: [{ after: 'verify', name: 'schema', command: [refuse] }] }),
    );
    expect(ended).toMatchObject({ status: 'undone', failure: { code: 'hook-failed' } });
    expect(ended.failure?.message).toContain('found exit code 3');
    expect(ended.failure?.detail?.output).toEqual(['the schema is too old']);
    expect((await house.service()).live).toBe('blue');
  }, 60_000);

  test('who was away while the controller died is told by the next one, once, in order, and signed', async () => {
    let isAway = true;
    const receiver = new WebhookReceiver(() => new Response('', { status: isAway ? 503 : 200 }));
    writeFileSync(path('secret'), 'hush');
    try {
      const ended = await house.deployed(
        shop(2),
        with_({
          notify: [
            {
              name: 'board',
              on: ['started', 'switched', 'succeeded'],
              webhook: { url: `${receiver.url}/told`, secretFile: path('secret') },
            },
          ],
        }),
      );
      expect(ended.status).toBe('succeeded');
      await receiver.until(1);
      const due = await house.ask<NoticesView>('GET', '/v1/services/shop/notices');
      expect(due.due.map(({ on }) => on)).toEqual(['started', 'switched', 'succeeded']);
      await house.kill();
      receiver.received.length = 0;
      isAway = false;
      await house.start();
      const after = await until('all was told', async () => {
        const view = await house.ask<NoticesView>('GET', '/v1/services/shop/notices');
        return view.due.length === 0 ? view : undefined;
      });
      expect(receiver.received.map(({ body }) => (JSON.parse(body) as { type: string }).type)).toEqual([
        'notice.started',
        'notice.switched',
        'notice.succeeded',
      ]);
      expect(receiver.received.map(({ headers }) => headers.get('webhook-id'))).toEqual(
        due.due.map(({ id }) => id),
      );
      expect(receiver.received[0]?.headers.get('webhook-signature')).toMatch(/^v1,/);
      expect(after.counts['board']).toEqual({ sent: 3, givenUp: 0 });
      const tests = await house.ask<NoticeTestView[]>('POST', '/v1/services/shop/notices/test', {
        by: 'ann',
      });
      expect(tests).toMatchObject([{ name: 'board', ok: true }]);
      expect(receiver.received).toHaveLength(4);
    } finally {
      await receiver.close();
    }
  }, 60_000);
});

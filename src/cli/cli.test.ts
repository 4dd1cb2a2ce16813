import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorTable, type ErrorCode, type ErrorRecord } from '../core/errors.ts';
import type { EventMessage } from '../server/api.ts';
import { selfCommand } from './self.ts';
import { FakeController, type Answers } from './testing/fake-controller.ts';
import { cliOnTerminal, runCli, type Ran } from './testing/run-cli.ts';
import { deployment, modeSet, plan, service, status, succeeded, switched, undone } from './testing/views.ts';

// Each test starts processes; on a busy machine that takes its time.
setDefaultTimeout(30_000);

const spec = `service: shop
router: { listen: 127.0.0.1:0 }
release: { from: app }
environments:
  layers:
    web: { command: [node, server.js] }
`;

const fakes: FakeController[] = [];

/** A folder with a spec and an artifact, and a controller that answers so. */
function fake(answers: Answers): FakeController {
  const found = new FakeController(undefined, answers);
  fakes.push(found);
  mkdirSync(found.home);
  mkdirSync(join(found.folder, 'app'));
  writeFileSync(join(found.folder, 'cutover.yaml'), spec);
  writeFileSync(join(found.folder, 'app', 'package.json'), '{"version":"4.5.6"}');
  return found.up();
}

const run = (on: FakeController, ...words: string[]): Promise<Ran> =>
  runCli(words, { cwd: on.folder, env: { CUTOVER_HOME: on.home } });

const recordedAs = (version: number, event: Record<string, unknown>): EventMessage =>
  ({
    event: 'record',
    data: { version, at: Date.now(), event: { deployment: 2, ...event } },
  }) as EventMessage;

let version = 11;
const recorded = (event: Record<string, unknown>): EventMessage => recordedAs(version++, event);

const whole: Answers = {
  'GET /v1/status': { json: status() },
  'GET /v1/services/shop': { json: service() },
  'POST /v1/services/shop/plan': { json: plan },
  'GET /v1/services/shop/deployments': { json: [succeeded(), undone({ id: 1 })] },
  'GET /v1/services/shop/deployments/2': { json: succeeded() },
  'POST /v1/services/shop/rollback': { json: switched },
  'POST /v1/services/shop/switch': { json: switched },
  'POST /v1/services/shop/mode': {
    json: { service: 'shop', mode: modeSet(), changed: true, epoch: 7, holdMs: 1, held: 0 },
  },
  'GET /v1/services/shop/modes': { json: [modeSet({ mode: 'closed', reason: 'stocktaking' })] },
  'POST /v1/services/shop/abort': { json: undone(), status: 202 },
  'GET /v1/services/shop/logs': {
    json: { environment: 'green', release: 2, lines: [{ layer: 'web', index: 0, text: 'hello' }] },
  },
  'POST /v1/services/shop/deployments': { json: deployment(), status: 202 },
  'GET /v1/services/shop/events': {
    events: [
      recorded({ type: 'step-done', step: 1, says: '2 of 2 healthy' }),
      recorded({ type: 'step-started', step: 2 }),
      recorded({ type: 'step-done', step: 2, says: 'green is live' }),
      recorded({ type: 'deployment-ended', outcome: 'succeeded' }),
    ],
  },
};

let here: FakeController;
beforeAll(() => {
  here = fake(whole);
});
afterAll(async () => {
  await Promise.all(fakes.map((each) => each.end()));
});

describe('what is asked', () => {
  const cases: [words: string[], method: string, path: string, body: unknown][] = [
    [['status'], 'GET', '/v1/status', null],
    [['history', '--limit', '7'], 'GET', '/v1/services/shop/deployments?limit=7', null],
    [['show', '2'], 'GET', '/v1/services/shop/deployments/2', null],
    [['show'], 'GET', '/v1/services/shop/deployments?limit=1', null],
    [['receipt', '2', '--service', 'shop'], 'GET', '/v1/services/shop/deployments/2', null],
    [
      ['logs', 'shop', '--layer', 'web', '--environment', 'blue', '--lines', '5'],
      'GET',
      '/v1/services/shop/logs?lines=5&layer=web&environment=blue',
      null,
    ],
    [['logs', '--environment', 'blue'], 'GET', '/v1/services/shop/logs?lines=100&environment=blue', null],
    [['switch', 'blue', '--by', 'me'], 'POST', '/v1/services/shop/switch', { by: 'me', to: 'blue' }],
    [['rollback', 'shop', '--by', 'me'], 'POST', '/v1/services/shop/rollback', { by: 'me' }],
    [['mode', 'open', '--by', 'me'], 'POST', '/v1/services/shop/mode', { by: 'me', mode: 'open' }],
    [
      [
        'mode',
        'read-only',
        '--by',
        'me',
        '--writes',
        'refuse',
        '--wait',
        '10s',
        '--queue',
        '5',
        '--pace',
        '20',
        '--retry-after',
        '90s',
        '--reason',
        'moving',
      ],
      'POST',
      '/v1/services/shop/mode',
      {
        by: 'me',
        reason: 'moving',
        mode: 'read-only',
        writes: 'refuse',
        waitMs: 10_000,
        queue: 5,
        pace: 20,
        retryAfterS: 90,
      },
    ],
    [['mode'], 'GET', '/v1/services/shop', null],
    [['history'], 'GET', '/v1/services/shop/modes', null],
    [['abort', '--by', 'me', '--detach'], 'POST', '/v1/services/shop/abort', { by: 'me' }],
    [
      ['deploy', '--release', '1', '--by', 'me', '--detach'],
      'POST',
      '/v1/services/shop/deployments',
      { by: 'me', release: 1 },
    ],
  ];
  test.each(cases)('%p', async (words, method, path, body) => {
    const { exit, stderr } = await run(here, ...words);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(here.asked).toContainEqual({ method, path, body });
  });

  test('an order for a release has the spec as written, the artifact by its absolute path, and a version', async () => {
    const { exit } = await run(here, 'plan', '--by', 'me');
    expect(exit).toBe(0);
    expect(here.asked.findLast(({ path }) => path.endsWith('/plan'))?.body).toEqual({
      by: 'me',
      order: {
        spec: {
          service: 'shop',
          router: { listen: '127.0.0.1:0' },
          release: { from: 'app' },
          environments: { layers: { web: { command: ['node', 'server.js'] } } },
        },
        base: here.folder,
        source: { kind: 'directory', path: join(here.folder, 'app') },
        version: '4.5.6',
      },
    });
  });
});

describe('--json', () => {
  test.each([
    [['status'], status()],
    [['plan'], plan],
    [['rollback'], switched],
    [['history'], [succeeded(), undone({ id: 1 })]],
    [['receipt'], succeeded().receipt],
  ] as [string[], unknown][])('%p prints one document and nothing else', async (words, expected) => {
    const { exit, stdout, stderr } = await run(here, ...words, '--json');
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(expected)));
  });

  test('may stand before the verb', async () => {
    const { stdout } = await run(here, '--json', 'status');
    expect(JSON.parse(stdout)).toHaveProperty('services');
  });

  test('of a deployment has the progress on the standard error output, and no colours anywhere', async () => {
    const { exit, stdout, stderr } = await run(here, 'deploy', '--json');
    expect(exit).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ id: 2, status: 'succeeded', receipt: { failed: 0 } });
    expect(stderr).toContain('health done');
    expect(stdout + stderr).not.toContain('\x1b');
  });

  test('has errors as a document as well, wrong words among them', async () => {
    for (const words of [['deploy', '--nonsense'], ['switch', 'red'], ['nonsense']]) {
      const { exit, stdout, stderr } = await run(here, ...words, '--json');
      expect({ exit, stderr }).toEqual({ exit: 2, stderr: '' });
      expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'usage' } });
    }
  });
});

describe('deploy', () => {
  test('off a terminal: a plain line when a step begins and one when it ends, then the receipt', async () => {
    const { exit, stdout, stderr } = await run(here, 'deploy');
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(stdout).toStartWith(`shop: deployment 2, deploy of release 2 (v2) by me@host
prepare done in 12ms: green at 127.0.1.2:8080
health begins: wait until every instance of release 2 on green is healthy
`);
    expect(stdout).toContain('switch begins: switch the traffic from blue to green');
    expect(stdout).toContain(
      'live: release 2 (v2) on green: http://127.0.0.1:8080\n  12,345 requests, 0 failed',
    );
    expect(stdout).not.toContain('\x1b');
  });

  test('that fails says why, what to do, the end of the log, and that live is untouched', async () => {
    const on = fake({
      ...whole,
      'POST /v1/services/shop/deployments': { json: undone(), status: 202 },
      'GET /v1/services/shop/deployments/2': { json: undone() },
    });
    const { exit, stderr } = await run(on, 'deploy');
    expect(exit).toBe(errorTable['verify-failed'].exit);
    expect(stderr)
      .toBe(`cutover: the home page against 127.0.1.2:8080 on green: expected a status of 2xx, found 500
  next: the release was not switched to; mend it and deploy again
  | web[0] | Error: no tea
shop: release 2 (v2) on green is live, untouched
`);
    const json = await run(on, 'deploy', '--json');
    expect(json.exit).toBe(errorTable['verify-failed'].exit);
    expect(JSON.parse(json.stdout)).toMatchObject({
      error: { code: 'verify-failed' },
      deployment: { status: 'undone' },
    });
  });

  test('goes on after a restart of the controller, from the last record that it saw', async () => {
    const on = fake({
      ...whole,
      'GET /v1/services/shop/events': [
        { events: [recordedAs(11, { type: 'step-done', step: 1, says: '2 of 2 healthy' })], thenEnd: true },
        {
          events: [
            recordedAs(12, { type: 'step-started', step: 2 }),
            recordedAs(13, { type: 'deployment-ended', outcome: 'succeeded' }),
          ],
        },
      ],
    });
    const { exit, stdout } = await run(on, 'deploy');
    expect(exit).toBe(0);
    expect(stdout.match(/health done/g)).toHaveLength(1);
    expect(stdout).toContain('the controller is away; waiting for it');
    expect(stdout).toContain('the controller is back');
    const after = on.asked.flatMap(({ path }) => /after=(\d+)/.exec(path)?.[1] ?? []);
    expect(after).toEqual(['10', '11']);
  });

  test('is told apart from a controller that is absent', async () => {
    const on = fake({});
    await on.down();
    const { exit, stderr } = await run(on, 'deploy');
    expect(exit).toBe(3);
    expect(stderr).toContain(on.home);
    expect(stderr).toContain('cutover up');
  });

  test('has a wrong spec or source refused before anything is asked', async () => {
    const on = fake(whole);
    const absent = await run(on, 'deploy', 'nowhere');
    expect(absent.exit).toBe(errorTable['source-invalid'].exit);
    writeFileSync(join(on.folder, 'cutover.yaml'), 'service: Shop\n');
    const wrong = await run(on, 'deploy');
    expect(wrong.exit).toBe(errorTable['spec-invalid'].exit);
    expect(wrong.stderr).toContain('cutover.yaml:1');
    expect(on.asked).toEqual([]);
  });
});

describe('logs --follow', () => {
  const answer = (next: string, texts: readonly string[], more = false) => ({
    json: {
      environment: 'blue',
      release: 2,
      lines: texts.map((text) => ({ layer: 'web', index: 0, text })),
      next,
      more,
    },
  });
  const path = 'GET /v1/services/shop/logs';
  /** Runs it until the output fits, then ends it as Ctrl-C does. */
  const followed = async (
    on: FakeController,
    fits: (text: string) => boolean,
    ...words: string[]
  ): Promise<{ exit: number; stdout: string; stderr: string }> => {
    const child = Bun.spawn([...selfCommand(), 'logs', '--follow', ...words], {
      cwd: on.folder,
      env: { ...process.env, CUTOVER_HOME: on.home },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 20_000,
    });
    const stderr = child.stderr.text();
    let stdout = '';
    const decoder = new TextDecoder();
    for await (const piece of child.stdout) {
      stdout += decoder.decode(piece, { stream: true });
      if (fits(stdout)) child.kill('SIGINT');
    }
    return { exit: await child.exited, stdout, stderr: await stderr };
  };

  test('prints what comes after what it has, of the environment that was named, until Ctrl-C', async () => {
    const on = fake({
      ...whole,
      [path]: [
        answer('1', ['one']),
        answer('2', ['two', 'three'], true),
        answer('3', ['four']),
        answer('4', []),
      ],
    });
    const ran = await followed(on, (text) => text.includes('four'), '--environment', 'blue', '--lines', '5');
    expect(ran).toEqual({
      exit: 0,
      stdout: 'web[0] | one\nweb[0] | two\nweb[0] | three\nweb[0] | four\n',
      stderr: '',
    });
    const asked = on.asked.map((one) => one.path).filter((one) => one.includes('logs'));
    expect(asked.slice(0, 3)).toEqual([
      '/v1/services/shop/logs?lines=5&environment=blue',
      ...['1', '2'].map((after) => `/v1/services/shop/logs?lines=1000&environment=blue&after=${after}`),
    ]);
  });

  test('is of both environments where none is named, and says whose each line is', async () => {
    const on = fake({
      ...whole,
      [path]: [answer('1', ['one']), answer('2', ['two']), answer('3', ['three']), answer('4', [])],
    });
    const plain = await followed(on, (text) => text.includes('three'));
    expect(plain.stdout).toBe('blue  web[0] | one\ngreen web[0] | two\nblue  web[0] | three\n');
    const json = fake({ ...whole, [path]: [answer('1', ['one']), answer('2', []), answer('3', [])] });
    const { stdout } = await followed(json, (text) => text.includes('one'), '--json');
    expect(stdout).toBe('{"environment":"blue","layer":"web","index":0,"text":"one"}\n');
  });

  test('of a service that is not there says so', async () => {
    const on = fake({ ...whole, [path]: { error: { code: 'service-unknown', message: 'there is none' } } });
    const { exit, stderr } = await run(on, 'logs', '--follow');
    expect({ exit, stderr }).toEqual({
      exit: errorTable['service-unknown'].exit,
      stderr: 'cutover: there is none\n',
    });
  });
});

describe('on a terminal', () => {
  test('deploy draws its steps in place, and gives the cursor back', async () => {
    const on = cliOnTerminal(['deploy'], { cwd: here.folder, env: { CUTOVER_HOME: here.home } });
    expect(await on.child.exited).toBe(0);
    await on.until((text) => text.includes('cutover receipt 2'));
    const text = on.text();
    expect(text).toContain('\x1b[?25l');
    expect(text.lastIndexOf('\x1b[?25h')).toBeGreaterThan(text.lastIndexOf('\x1b[?25l'));
    expect(Bun.stripANSI(text)).toContain('✓ health ');
  });

  test('Ctrl-C detaches from a deployment, and says how to follow or abort it', async () => {
    const on = fake({ ...whole, 'GET /v1/services/shop/events': { events: [] } });
    const cli = cliOnTerminal(['deploy'], { cwd: on.folder, env: { CUTOVER_HOME: on.home } });
    await cli.until((text) => text.includes('health'));
    cli.child.kill('SIGINT');
    expect(await cli.child.exited).toBe(130);
    await cli.until((text) => text.includes('cutover abort shop'));
    expect(cli.text()).toContain('cutover show 2 --follow');
    expect(cli.text()).toContain('\x1b[?25h');
    expect(on.asked.some(({ path }) => path.endsWith('/abort'))).toBe(false);
  });

  test('status --watch takes the screen, and gives it back at Ctrl-C', async () => {
    const cli = cliOnTerminal(['status', '--watch'], { cwd: here.folder, env: { CUTOVER_HOME: here.home } });
    await cli.until((text) => text.includes('STANDBY') || text.includes('standby'));
    cli.child.kill('SIGINT');
    expect(await cli.child.exited).toBe(0);
    await cli.until((text) => text.endsWith('\x1b[?25h\x1b[?1049l'));
    expect(cli.text()).toContain('\x1b[?1049h');
  });

  test('NO_COLOR leaves colours out', async () => {
    const cli = cliOnTerminal(['status'], {
      cwd: here.folder,
      env: { CUTOVER_HOME: here.home, NO_COLOR: '1' },
    });
    await cli.child.exited;
    await cli.until((text) => text.includes('controller pid'));
    expect(cli.text()).not.toContain('\x1b[3');
  });
});

describe('exit codes', () => {
  const codes = Object.keys(errorTable) as ErrorCode[];
  test('are those of the table, for every error that a controller answers', async () => {
    const by = new Map<number, ErrorCode>();
    for (const code of codes) by.set(errorTable[code].exit, code);
    for (const [exit, code] of by) {
      const error: ErrorRecord = { code, message: `the ${code}`, next: 'do this' };
      const on = fake({ ...whole, 'POST /v1/services/shop/rollback': { error } });
      const ran = await run(on, 'rollback');
      expect([code, ran.exit]).toEqual([code, exit]);
      expect(ran.stderr).toStartWith(`cutover: the ${code}\n  next: do this\n`);
    }
  });
});

describe('wrong words', () => {
  test.each([
    [['deplyo'], "unknown command 'deplyo'", 'did you mean deploy?'],
    [['deploy', '--shaa', 'x'], "unknown option '--shaa'", 'did you mean --sha256?'],
    [['switch', 'red'], 'colour: expected one of blue, green, found red', '--help'],
    [
      ['logs', '--lines', 'many'],
      '--lines <n>: expected a whole number from 1 to 10000, found many',
      '--help',
    ],
    [['deploy', '--release', '1', 'app'], '--release 1: expected it alone', undefined],
    [['deploy', '--sha256', 'ff'], '--sha256: expected it with a .tar', undefined],
    [['status', '--watch'], '--watch: expected a terminal', 'status --json'],
  ] as [string[], string, string | undefined][])('%p', async (words, message, next) => {
    const { exit, stderr, stdout } = await run(here, ...words);
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
    expect(stderr).toStartWith(`cutover: ${message}`);
    if (next !== undefined) expect(stderr).toContain(next);
  });
});

describe('the service that is meant', () => {
  test('is the only one of the controller where no spec is at hand', async () => {
    const { exit } = await runCli(['rollback', '--home', here.home], { cwd: here.home });
    expect(exit).toBe(0);
  });

  test('must be named where there are several', async () => {
    const on = fake({
      ...whole,
      'GET /v1/status': { json: status({ services: [service(), service({ name: 'blog' })] }) },
    });
    const { exit, stderr } = await runCli(['rollback', '--home', on.home], { cwd: on.home });
    expect(exit).toBe(2);
    expect(stderr).toContain('shop, blog');
  });

  test('is known even where the spec is wrong: the way back does not depend on it', async () => {
    const on = fake(whole);
    writeFileSync(join(on.folder, 'cutover.yaml'), 'service: shop\nrouter: 7\n  nonsense: [');
    expect((await run(on, 'rollback')).exit).toBe(0);
  });
});

test('a controller of another version is worked with, and told of', async () => {
  const other = status({ controller: { ...status().controller, version: '9.9.9' } });
  const on = fake({ ...whole, 'GET /v1/status': { json: other } });
  const { exit, stderr } = await run(on, 'rollback');
  expect(exit).toBe(0);
  expect(stderr).toContain('the controller is version 9.9.9');
});

test('a reader that goes away ends it silently', async () => {
  const child = Bun.spawn(
    ['sh', '-c', '"$@" | head -1', 'sh', ...(await import('./self.ts')).selfCommand(), 'schema'],
    {
      cwd: here.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect({ stdout, stderr }).toEqual({ stdout: '{\n', stderr: '' });
});

test('the way down is idempotent', async () => {
  const on = fake({});
  await on.down();
  const { exit, stdout } = await run(on, 'down');
  expect(exit).toBe(0);
  expect(stdout).toContain('down already');
});

import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import type { Spec } from '../../core/spec.ts';
import { checkSpecText } from '../check-spec.ts';
import { detectSpec } from './detect.ts';

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'cutover detect ')), 'My Shop');
  mkdirSync(folder);
});
afterEach(() => rmSync(dirname(folder), { recursive: true, force: true }));

/** The spec for a folder with these files. */
function detect(files: Readonly<Record<string, string | object>>): {
  spec: Spec;
  notes: string;
  text: string;
} {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
  const { text, notes } = detectSpec(folder);
  const checked = checkSpecText(text);
  if (checked.problems)
    throw new Error(`expected a good spec, found ${checked.problems[0]?.text} in\n${text}`);
  return { spec: checked.spec, notes: notes.join('\n'), text };
}

const layer = (spec: Spec, name = 'web') => {
  const found = spec.environments.layers[name];
  if (!found) throw new Error(`expected a layer ${name}`);
  return found;
};

describe('a Node program', () => {
  test('its start script is run directly, since npm passes signals badly', () => {
    const { spec, notes } = detect({
      'package.json': {
        name: '@acme/the-shop',
        scripts: { start: 'NODE_ENV=production node server.js --name "a b"' },
        dependencies: { express: '5' },
      },
      'package-lock.json': {},
    });
    expect(spec.service).toBe('the-shop');
    expect(layer(spec)).toMatchObject({
      command: ['node', 'server.js', '--name', 'a b'],
      variables: { NODE_ENV: 'production' },
      health: { http: { path: '/' } },
    });
    expect(spec.release).toMatchObject({ build: [['npm', 'ci', '--omit=dev']], exclude: ['node_modules'] });
    expect(notes).toContain('npm passes signals badly');
  });

  test('a program of a dependency is named by its path, and built with all dependencies', () => {
    const { spec } = detect({
      'package.json': { scripts: { start: 'next start', build: 'next build' }, dependencies: { next: '16' } },
      'pnpm-lock.yaml': '',
    });
    expect(layer(spec).command).toEqual(['node_modules/.bin/next', 'start']);
    expect(spec.release.build).toEqual([
      ['pnpm', 'install', '--frozen-lockfile'],
      ['pnpm', 'run', 'build'],
    ]);
    expect(spec.service).toBe('my-shop');
  });

  test('$PORT is filled in by a shell that the program replaces', () => {
    const { spec, notes } = detect({
      'package.json': { scripts: { start: 'NODE_ENV=production serve -l $PORT' } },
    });
    expect(layer(spec).command).toEqual(['sh', '-c', 'exec env NODE_ENV=production serve -l $PORT']);
    expect(notes).toContain('a shell fills them in');
  });

  test('a line of several programs stays with a shell, and the notes say what that costs', () => {
    const { spec, notes } = detect({
      'package.json': { scripts: { start: 'node migrate.js && node server.js' } },
    });
    expect(layer(spec).command).toEqual(['sh', '-c', 'node migrate.js && node server.js']);
    expect(notes).toContain('needs a shell');
  });

  test('without a start script its main file is run, if it is there', () => {
    const { spec, notes } = detect({ 'package.json': { main: 'lib/absent.js' }, 'src/index.js': '' });
    expect(layer(spec).command).toEqual(['node', 'src/index.js']);
    expect(spec.release.build).toEqual([]);
    expect(notes).toContain('no start script');
  });

  test('a package.json that is no JSON is as none', () => {
    expect(detect({ 'package.json': '{' }).notes).toContain('nothing was recognised');
  });
});

describe('a Procfile', () => {
  test('each process is a layer, web gets the traffic, and the release phase is left out', () => {
    const { spec, notes } = detect({
      Procfile:
        '# processes\nworker: node worker.js\nweb: node server.js\nrelease: node migrate.js\nWeird_Name: ./x\n',
      'package.json': { scripts: { start: 'node other.js' }, dependencies: { a: '1' } },
    });
    expect(Object.keys(spec.environments.layers)).toEqual(['web', 'worker', 'weird-name']);
    expect(layer(spec).command).toEqual(['node', 'server.js']);
    expect(layer(spec, 'worker').health).toMatchObject({ running: 2000 });
    expect(spec.release.build).toEqual([['npm', 'install', '--omit=dev']]);
    expect(notes).toContain('release: node migrate.js');
  });

  test('without web the first process gets the traffic', () => {
    const { spec, notes } = detect({ Procfile: 'api: ./api\nclock: ./clock\n' });
    expect(spec.router.layer).toBe('api');
    expect(notes).toContain('traffic goes to api');
  });

  test('that is empty is as none', () => {
    expect(detect({ Procfile: '\n# nothing\n', 'index.html': '' }).notes).toContain('web server');
  });
});

describe('a compose file', () => {
  const compose = `
services:
  db:
    image: postgres:18
    ports: ["5432:5432"]
  app:
    build: .
    command: node server.js --quiet
    ports: ["3000:80"]
    environment:
      DATABASE_URL: postgres://db/shop
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:80/healthz?full=1"]
  jobs:
    build: .
    command: [node, jobs.js]
`;
  test('gives the commands, the port and the path of the health check; images of others are not ours', () => {
    const { spec, notes } = detect({ 'compose.yaml': compose });
    expect(Object.keys(spec.environments.layers)).toEqual(['app', 'jobs']);
    expect(spec.router).toMatchObject({ layer: 'app', listen: { port: 3000 } });
    expect(layer(spec, 'app')).toMatchObject({
      command: ['node', 'server.js', '--quiet'],
      health: { http: { path: '/healthz?full=1', status: '2xx' } },
    });
    expect(notes).toContain('DATABASE_URL');
  });

  test('adds its health path and port to what says how the program is run', () => {
    const { spec } = detect({
      'docker-compose.yml': compose.replace(/ +command: .*\n/g, ''),
      'package.json': { scripts: { start: 'node x.js' } },
    });
    expect(layer(spec)).toMatchObject({
      command: ['node', 'x.js'],
      health: { http: { path: '/healthz?full=1' } },
    });
    expect(spec.router.listen.port).toBe(3000);
  });

  test('that cannot be read is said to be so', () => {
    expect(detect({ 'compose.yaml': 'a: [', 'go.mod': '' }).notes).toContain(
      'compose.yaml could not be read',
    );
  });
});

describe('other languages', () => {
  const cases: readonly (readonly [string, Readonly<Record<string, string>>, readonly string[], number])[] = [
    [
      'Flask with gunicorn',
      { 'requirements.txt': 'Flask==3\ngunicorn', 'app.py': '' },
      ['sh', '-c', 'exec .venv/bin/python -m gunicorn app:app --bind "$HOST:$PORT"'],
      2,
    ],
    [
      'Flask alone',
      { 'requirements.txt': 'flask', 'app.py': '' },
      ['sh', '-c', 'exec .venv/bin/python -m flask --app app run --host "$HOST" --port "$PORT"'],
      2,
    ],
    [
      'FastAPI',
      { 'requirements.txt': 'fastapi\nuvicorn', 'main.py': '' },
      ['sh', '-c', 'exec .venv/bin/python -m uvicorn main:app --host "$HOST" --port "$PORT"'],
      2,
    ],
    [
      'Django with gunicorn',
      { 'requirements.txt': 'Django\ngunicorn', 'manage.py': '', 'shop/wsgi.py': '' },
      ['sh', '-c', 'exec .venv/bin/python -m gunicorn shop.wsgi --bind "$HOST:$PORT"'],
      2,
    ],
    [
      'Django alone',
      { 'manage.py': '' },
      ['sh', '-c', 'exec python3 manage.py runserver --noreload "$HOST:$PORT"'],
      0,
    ],
    ['plain Python', { 'app.py': '' }, ['python3', 'app.py'], 0],
    ['Go', { 'go.mod': 'module x', 'main.go': '' }, ['./bin/server'], 1],
    [
      'Go in cmd',
      { 'go.mod': 'module x', 'cmd/api/main.go': '', 'cmd/tool/main.go': '' },
      ['./bin/server'],
      1,
    ],
    [
      'Rails',
      { Gemfile: "gem 'rails'\ngem \"puma\", '>= 5'", 'config.ru': '' },
      ['sh', '-c', 'exec bundle exec puma -b "tcp://$HOST:$PORT"'],
      2,
    ],
    [
      'Rack',
      { Gemfile: "gem 'rack'", 'config.ru': '' },
      ['sh', '-c', 'exec bundle exec rackup --host "$HOST" --port "$PORT"'],
      2,
    ],
    [
      'static pages',
      { 'public/index.html': '' },
      ['sh', '-c', 'exec python3 -m http.server "$PORT" --bind "$HOST" --directory public'],
      0,
    ],
  ];
  for (const [name, files, command, builds] of cases) {
    test(name, () => {
      const { spec } = detect(files);
      expect(layer(spec).command).toEqual([...command]);
      expect(spec.release.build).toHaveLength(builds);
    });
  }

  test('an empty folder gets a spec to be filled in', () => {
    const { spec, notes, text } = detect({});
    expect(layer(spec)).toMatchObject({ command: ['./server'], health: { tcp: true } });
    expect(notes).toContain('write the program under command');
    expect(text).toContain('# users come here');
  });
});

test('whatever stands in the files, the spec is good', () => {
  const line = fc.string({ unit: fc.constantFrom(...'ab $"\'\\|&=:-#{}[]%@!\t0é\u0000') });
  fc.assert(
    fc.property(line, line, fc.constantFrom('package.json', 'Procfile', 'compose.yaml'), (one, two, file) => {
      const text = {
        'package.json': JSON.stringify({ name: two, scripts: { start: one } }),
        Procfile: `web: ${one}\n${two}: ${one}\n`,
        'compose.yaml': JSON.stringify({
          services: { [two]: { build: '.', command: one }, b: { build: '.', command: [one, two] } },
        }),
      }[file];
      detect({ 'package.json': '', Procfile: '', 'compose.yaml': '', [file]: text });
    }),
    { numRuns: 300 },
  );
});

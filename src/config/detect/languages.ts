import type { Draft } from './draft.ts';
import type { Folder } from './folder.ts';

const onHostAndPort = 'a shell fills in $HOST and $PORT, and is replaced by the program';

export function detectPython(folder: Folder): Draft | undefined {
  const requirements = folder.text('requirements.txt');
  const main = ['app.py', 'main.py', 'wsgi.py', 'server.py'].find((name) => folder.has(name));
  if (requirements === undefined && main === undefined && !folder.has('manage.py')) return undefined;
  const needs = (name: string): boolean => new RegExp(`^${name}\\b`, 'im').test(requirements ?? '');
  const python = requirements === undefined ? 'python3' : '.venv/bin/python';
  const shell = (line: string): string[] => ['sh', '-c', `exec ${python} -m ${line}`];
  const module = main?.replace(/\.py$/, '');
  const notes: string[] = [];
  let argv: readonly string[];
  if (folder.has('manage.py')) {
    const project = folder.names('.').find((name) => folder.has(`${name}/wsgi.py`));
    if (project !== undefined && needs('gunicorn')) {
      argv = shell(`gunicorn ${project}.wsgi --bind "$HOST:$PORT"`);
    } else {
      argv = ['sh', '-c', `exec ${python} manage.py runserver --noreload "$HOST:$PORT"`];
      notes.push('runserver is for development; with gunicorn in requirements.txt that would be used');
    }
  } else if (main === undefined || module === undefined) {
    return undefined;
  } else if (needs('uvicorn') || needs('fastapi')) {
    argv = shell(`uvicorn ${module}:app --host "$HOST" --port "$PORT"`);
  } else if (needs('gunicorn')) {
    argv = shell(`gunicorn ${module}:app --bind "$HOST:$PORT"`);
  } else if (needs('flask')) {
    argv = shell(`flask --app ${module} run --host "$HOST" --port "$PORT"`);
    notes.push('flask run is for development; with gunicorn in requirements.txt that would be used');
  } else {
    argv = [python, main];
    notes.push(`${main} is expected to listen on the port in $PORT`);
  }
  if (argv[0] === 'sh') notes.push(onHostAndPort);
  return {
    kind: folder.has('manage.py') ? 'a Django program' : 'a Python program',
    layers: [{ name: 'web', argv, health: { http: '/' } }],
    build:
      requirements === undefined
        ? []
        : [
            ['python3', '-m', 'venv', '.venv'],
            ['.venv/bin/python', '-m', 'pip', 'install', '-r', 'requirements.txt'],
          ],
    exclude: ['.venv', '__pycache__'],
    notes,
  };
}

export function detectGo(folder: Folder): Draft | undefined {
  if (!folder.has('go.mod')) return undefined;
  const commands = folder.names('cmd').filter((name) => folder.has(`cmd/${name}/main.go`));
  const [first] = commands;
  const source = folder.has('main.go') || first === undefined ? '.' : `./cmd/${first}`;
  return {
    kind: 'a Go program',
    layers: [{ name: 'web', argv: ['./bin/server'], health: { http: '/' } }],
    build: [['go', 'build', '-o', 'bin/server', source]],
    exclude: ['bin'],
    notes: [
      ...(source !== '.' && commands.length > 1
        ? [`of ${commands.join(', ')} in cmd the first is taken`]
        : []),
      'the program is expected to listen on the port in $PORT',
    ],
  };
}

export function detectRuby(folder: Folder): Draft | undefined {
  const gems = folder.text('Gemfile');
  if (gems === undefined || !folder.has('config.ru')) return undefined;
  const server = /^\s*gem\s+['"]puma['"]/m.test(gems)
    ? 'puma -b "tcp://$HOST:$PORT"'
    : 'rackup --host "$HOST" --port "$PORT"';
  return {
    kind: /^\s*gem\s+['"]rails['"]/m.test(gems) ? 'a Rails program' : 'a Ruby program',
    layers: [{ name: 'web', argv: ['sh', '-c', `exec bundle exec ${server}`], health: { http: '/' } }],
    build: [
      ['bundle', 'config', 'set', '--local', 'path', 'vendor/bundle'],
      ['bundle', 'install'],
    ],
    exclude: ['vendor/bundle', 'log', 'tmp'],
    notes: [onHostAndPort],
  };
}

export function detectStatic(folder: Folder): Draft | undefined {
  const root = ['.', 'public', 'dist'].find((name) => folder.has(`${name}/index.html`));
  if (root === undefined) return undefined;
  return {
    kind: 'pages without a program',
    layers: [
      {
        name: 'web',
        argv: [
          'sh',
          '-c',
          `exec python3 -m http.server "$PORT" --bind "$HOST"${root === '.' ? '' : ` --directory ${root}`}`,
        ],
        health: { http: '/index.html' },
      },
    ],
    notes: ['Python’s small web server is taken to serve the pages; any other will do', onHostAndPort],
  };
}

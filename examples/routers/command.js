// A router for `driver: command`, whole: it keeps what it is told in a file, makes HAProxy's configuration of it, and has it read
// anew. Put your own balancer in the place of `render` and `reload`; the rest is what any of them needs.
//
//   node command.js FOLDER VERB    with JSON on standard input; see docs/routers/command.md

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { isDeepStrictEqual } from 'node:util';

const [folder, verb] = process.argv.slice(2);
const input = JSON.parse(readFileSync(0, 'utf8'));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Refusal extends Error {
  constructor(exitCode, message) {
    super(message);
    this.exitCode = exitCode;
  }
}

function load() {
  try {
    return JSON.parse(readFileSync(`${folder}/routes.json`, 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return { version: 0, routes: {}, removed: {} };
  }
}

const place = ({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);

function render({ version, routes }) {
  const lines = [
    'global',
    `  stats socket "${folder}/s" mode 600 level admin`,
    `  pidfile "${folder}/pid"`,
    `  set-var proc.version int(${version})`,
    'defaults',
    '  mode http',
    '  timeout connect 5s',
    '  timeout client 60s',
    '  timeout server 60s',
  ];
  for (const { service, live, listen, ...sides } of Object.values(routes)) {
    lines.push(`frontend ${service}`, `  bind ${place(listen)}`, `  default_backend ${service}`);
    lines.push(`backend ${service}`);
    sides[live].instances.forEach((address, n) => lines.push(`  server i${n} ${place(address)}`));
  }
  return `${lines.join('\n')}\n`;
}

const ask = (words) =>
  new Promise((resolve, reject) => {
    let answer = '';
    const wire = createConnection(`${folder}/s`, () => wire.write(`${words}\n`));
    wire.on('data', (chunk) => (answer += chunk));
    wire.on('close', () => resolve(answer));
    wire.on('error', reject);
  });

/** Returns when the process with the new configuration has taken over: no request goes by the old one from then on. */
async function reload(version) {
  process.kill(Number(readFileSync(`${folder}/pid`, 'utf8').split('\n')[0]), 'SIGUSR2');
  for (let n = 0; n < 500; n++) {
    if ((await ask('get var proc.version').catch(() => '')).includes(`<${version}>`)) return;
    await pause(10);
  }
  throw new Error('HAProxy did not read its configuration');
}

async function commit(state) {
  state.version++;
  writeFileSync(`${folder}/new.cfg`, render(state));
  execFileSync('haproxy', ['-c', '-q', '-f', `${folder}/new.cfg`]);
  writeFileSync(`${folder}/routes.new`, JSON.stringify(state));
  renameSync(`${folder}/new.cfg`, `${folder}/haproxy.cfg`);
  renameSync(`${folder}/routes.new`, `${folder}/routes.json`);
  await reload(state.version);
}

async function expectFree({ host, port }) {
  const taken = await new Promise((resolve) => {
    const wire = createConnection({ host, port }, () => wire.destroy(resolve(true)));
    wire.on('error', () => resolve(false));
  });
  if (taken) throw new Refusal(5, `${host}:${port} is taken`);
}

const verbs = {
  async apply(asked) {
    const state = load();
    const { service, epoch } = asked;
    const before = state.routes[service];
    const oldest = before?.epoch ?? state.removed[service] ?? 0;
    if (epoch < oldest || (!before && epoch === oldest))
      throw new Refusal(3, `epoch ${epoch} is older than ${oldest}, which is in force`);
    if (before && epoch === oldest) {
      if (!isDeepStrictEqual(before, asked)) throw new Refusal(3, `another route is in force under ${epoch}`);
      return { changed: false };
    }
    if (!before || place(before.listen) !== place(asked.listen)) await expectFree(asked.listen);
    state.routes[service] = asked;
    await commit(state);
    return { changed: true };
  },
  read: ({ service }) => ({ route: load().routes[service] ?? null }),
  async remove({ service, epoch }) {
    const state = load();
    const before = state.routes[service];
    if (!before) return {};
    if (epoch < before.epoch) throw new Refusal(3, `epoch ${epoch} is older than ${before.epoch}`);
    delete state.routes[service];
    state.removed[service] = epoch;
    await commit(state);
    return {};
  },
};

async function exclusively(act) {
  const lock = `${folder}/lock`;
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      await pause(10);
    }
  }
  try {
    return await act();
  } finally {
    rmdirSync(lock);
  }
}

try {
  process.stdout.write(`${JSON.stringify(await exclusively(() => verbs[verb](input)))}\n`);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode ?? 1;
}

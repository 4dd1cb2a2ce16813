// Runs a script of this checkout with the pinned Bun: `node scripts/run.mjs scripts/test.ts [argument …]`.
//
// Plain Node ≥ 20 with no dependency, since it is what makes the dependencies be there: it installs them with `npm ci` if they
// are absent or are not those of package-lock.json, then runs the script with the Bun that npm put into node_modules, and ends
// as the script ends (exit code or signal). It works where npm runs no install scripts: the `bun` package only becomes a
// program in its install script, so the program is taken from the package of the platform instead. Nothing is global, and
// nothing outside the checkout is written, except npm's own download cache where that can be written.
import { spawn } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { constants as osConstants, homedir, hostname } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const lockDir = join(root, '.cutover', 'setup.lock');
const lockOwner = join(lockDir, 'owner');

/** Longer than any install: a lock of another machine (or container) that is older was left behind. */
const abandonedMs = 15 * 60_000;
const pollMs = 100;

class SetupError extends Error {}

// ---- which Bun -----------------------------------------------------------------------------------------------------------

/** The npm packages that hold a Bun for this machine, the best first. */
function bunPackages() {
  process.report.excludeNetwork = true; // Else the report below waits for name servers.
  const arch = { x64: 'x64', arm64: 'aarch64' }[process.arch];
  if (!arch || !['linux', 'darwin', 'freebsd'].includes(process.platform)) return [];
  const name = `bun-${process.platform}-${arch}`;
  const glibc =
    process.platform !== 'linux' || process.report.getReport().header.glibcVersionRuntime !== undefined;
  return glibc ? [name, `${name}-baseline`] : [`${name}-musl`, `${name}-musl-baseline`];
}

/** The path of the Bun program in node_modules; undefined if there is none for this machine. */
function findBun() {
  for (const name of bunPackages()) {
    const path = join(modules, '@oven', name, 'bin', 'bun');
    if (existsSync(path)) return path;
  }
  return undefined;
}

// ---- set-up --------------------------------------------------------------------------------------------------------------

const readPackages = (path) => JSON.parse(readFileSync(path, 'utf8')).packages ?? {};

/**
 * Whether what is installed is what package-lock.json names. npm writes its record of what it installed last of all, so an
 * install that was cut off has none. Optional packages (those of other platforms) may be absent.
 */
function upToDate() {
  let installed;
  try {
    installed = readPackages(join(modules, '.package-lock.json'));
  } catch {
    return false; // Absent or cut off: the answer to both is to install.
  }
  const wanted = readPackages(join(root, 'package-lock.json'));
  const same = (a, b) => a !== undefined && a.version === b.version && a.integrity === b.integrity;
  return (
    Object.entries(wanted).every(
      ([path, entry]) =>
        path === '' ||
        (installed[path] === undefined ? entry.optional === true : same(installed[path], entry)),
    ) &&
    Object.keys(installed).every((path) => wanted[path] !== undefined) &&
    findBun() !== undefined
  );
}

/** Takes the set-up lock, or waits until the one who has it is done. Returns false when another run has made all ready meanwhile. */
async function takeLock() {
  mkdirSync(dirname(lockDir), { recursive: true });
  for (let told = false; ; await sleep(pollMs)) {
    try {
      mkdirSync(lockDir);
      writeFileSync(lockOwner, `${hostname()} ${process.pid}\n`);
      return true;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (abandoned()) {
      // Renamed first, so that of several who see it abandoned, one removes it.
      const away = `${lockDir}.${process.pid}`;
      try {
        renameSync(lockDir, away);
      } catch (error) {
        if (error.code !== 'ENOENT') throw error;
      }
      rmSync(away, { recursive: true, force: true });
    } else if (!told) {
      told = true;
      process.stderr.write('Another run is installing the dependencies; waiting for it.\n');
    }
    if (!existsSync(lockDir) && upToDate()) return false;
  }
}

/** Whether the lock's owner is gone. */
function abandoned() {
  try {
    const [host, pid] = readFileSync(lockOwner, 'utf8').trim().split(' ');
    if (host === hostname()) {
      process.kill(Number(pid), 0);
      return false;
    }
  } catch (error) {
    if (error.code === 'ESRCH') return true;
    if (error.code === 'EPERM') return false;
    if (error.code !== 'ENOENT') throw error; // ENOENT: it has just been made, or just been released.
  }
  const made = statSync(lockDir, { throwIfNoEntry: false });
  return made !== undefined && Date.now() - made.mtimeMs > abandonedMs;
}

/** Whether the folder, or the nearest one above it that exists, can be written into. */
function writable(folder) {
  try {
    accessSync(folder, constants.W_OK);
    return statSync(folder).isDirectory();
  } catch (error) {
    return error.code === 'ENOENT' && dirname(folder) !== folder && writable(dirname(folder));
  }
}

/** npm's program and first arguments: the npm that runs us if it is npm, else the one on the PATH. */
function npmCommand() {
  const path = process.env.npm_execpath;
  if (path && /^npm(-cli)?\.c?js$/.test(basename(path)) && existsSync(path)) return [process.execPath, path];
  return ['npm'];
}

async function install() {
  const ownCache = join(root, '.cutover', 'npm-cache');
  const cache = process.env.npm_config_cache || join(homedir(), '.npm');
  const [program, ...first] = npmCommand();
  const flags = [
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
  ];
  if (!writable(cache)) flags.push(`--cache=${ownCache}`);
  // Without npm's record a set-up that is cut off in the middle of removing the old packages is seen as such.
  rmSync(join(modules, '.package-lock.json'), { force: true });
  process.stderr.write('Installing the dependencies (npm ci) …\n');
  const output = [];
  const ended = await run(program, [...first, 'ci', ...flags], ['ignore', 'pipe', 'pipe'], (child) => {
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
  });
  rmSync(ownCache, { recursive: true, force: true });
  if (ended.signal) return ended;
  if (ended.error) {
    throw new SetupError(
      `npm could not be started (${ended.error.message}). Install Node 20 or later with npm, then run this again.`,
    );
  }
  if (ended.code !== 0) {
    process.stderr.write(Buffer.concat(output));
    throw new SetupError(
      `Installing the dependencies failed: npm ci ended with ${ended.code}; its output is above.\n` +
        'See that the npm registry can be reached (npm ping) and that the disk has room, then run this again.',
    );
  }
  return ended;
}

/** npm empties node_modules before it installs: through a link that would be the packages of another checkout. */
function refuseLink() {
  if (!lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  throw new SetupError(
    `The packages behind ${modules} are not those of package-lock.json, and it is a symbolic link: expected a directory, since npm ci would empty what it points to.\n` +
      'Remove the link and run this again, which installs into a directory of this checkout; or install where the link points to.',
  );
}

/** Installs if needed. Returns the signal that ended npm, if one did: then we are to end as well. */
async function setUp() {
  const [major] = process.versions.node.split('.');
  if (Number(major) < 20) throw new SetupError(`Node 20 or later is needed, and this is ${process.version}.`);
  if (bunPackages().length === 0) {
    throw new SetupError(
      `Bun has no build for ${process.platform} on ${process.arch}; use Linux or macOS on x64 or arm64 (on Windows: WSL).`,
    );
  }
  if (upToDate()) return undefined;
  refuseLink();
  if (!(await takeLock())) return undefined;
  try {
    if (upToDate()) return undefined;
    const { signal } = await install();
    if (signal) return signal;
  } finally {
    rmSync(lockDir, { recursive: true, force: true });
  }
  if (upToDate()) return undefined;
  throw new SetupError(
    findBun() === undefined
      ? `npm ci installed no Bun for this machine: expected one of ${bunPackages().join(', ')} in ${join(modules, '@oven')}.\n` +
          'See that npm is not set to another platform (npm config get os cpu libc) and that package-lock.json names that package.'
      : 'npm ci installed other packages than package-lock.json names. Run `npm ci` by hand and look at its output.',
  );
}

// ---- running -------------------------------------------------------------------------------------------------------------

/**
 * Runs a program to its end and passes on the signals that we get meanwhile. A terminal sends Ctrl-C to all processes in its
 * foreground, so there it has arrived already; passing it on would be a second one, which programs take as "at once".
 */
function run(program, args, stdio, whenStarted = () => {}) {
  return new Promise((resolve) => {
    let child; // Assigned before a signal can be handled; the handlers stand before the program can be heard of.
    const fromTerminal = process.stdin.isTTY || process.stderr.isTTY;
    const handlers = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'].map((signal) => {
      const typed = signal === 'SIGINT' || signal === 'SIGQUIT';
      const handler = () => void (typed && fromTerminal ? undefined : child.kill(signal));
      process.on(signal, handler);
      return [signal, handler];
    });
    child = spawn(program, args, { stdio, cwd: root, env: environment });
    const end = (result) => {
      for (const [signal, handler] of handlers) process.off(signal, handler);
      resolve(result);
    };
    child.on('error', (error) => end({ error }));
    child.on('close', (code, signal) => end({ code, signal }));
    whenStarted(child);
  });
}

const environment = {
  ...process.env,
  // Bun keeps large files that it has translated; in the checkout, not in the home directory.
  BUN_RUNTIME_TRANSPILER_CACHE_PATH:
    process.env.BUN_RUNTIME_TRANSPILER_CACHE_PATH ?? join(modules, '.cache', 'bun'),
};

/** Ends this process as the other one ended. */
function endAs({ code, signal }) {
  if (!signal) process.exit(code ?? 1);
  process.kill(process.pid, signal);
  // Node ignores some signals of its own; then the shell's way of saying it.
  setTimeout(() => process.exit(128 + (osConstants.signals[signal] ?? 0)), 100);
}

async function main([script, ...args]) {
  if (script === undefined) throw new SetupError('Usage: node scripts/run.mjs SCRIPT [ARGUMENT …]');
  const signal = await setUp();
  if (signal) return endAs({ signal });
  const bun = findBun();
  const ended = await run(bun, [isAbsolute(script) ? script : join(root, script), ...args], 'inherit');
  if (ended.error) {
    throw new SetupError(
      `The Bun of this checkout could not be started: ${ended.error.message}.\nRemove node_modules and run this again.`,
    );
  }
  if (ended.signal === 'SIGILL')
    process.stderr.write(`${bun} met an instruction that this processor does not know.\n`);
  endAs(ended);
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`${error instanceof SetupError ? error.message : error.stack}\n`);
  process.exitCode = 1;
});

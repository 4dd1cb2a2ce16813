import { z } from 'zod';
import { commandOfLine } from './command-line.ts';
import type { Draft, DraftLayer } from './draft.ts';
import type { Folder } from './folder.ts';

const words = z.record(z.string(), z.string()).optional().catch(undefined);
const Package = z.looseObject({
  name: z.string().optional().catch(undefined),
  main: z.string().optional().catch(undefined),
  scripts: words,
  dependencies: words,
  devDependencies: words,
});
export type Package = z.infer<typeof Package>;

/** The package.json of the folder; undefined if there is none or it is no JSON object. */
export function readPackage(folder: Folder): Package | undefined {
  const text = folder.text('package.json');
  if (text === undefined) return undefined;
  try {
    return Package.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // No JSON, so nothing that npm could use either.
  }
}

const mainNames = [
  'server.js',
  'index.js',
  'app.js',
  'server.mjs',
  'index.mjs',
  'src/server.js',
  'src/index.js',
];

export function detectNode(folder: Folder): Draft | undefined {
  const found = readPackage(folder);
  if (!found) return undefined;
  const line = found.scripts?.['start'];
  const main = [found.main, ...mainNames].find((path) => path !== undefined && folder.has(path));
  const command = line === undefined ? undefined : commandOfLine(line);
  const notes: string[] = [];
  let layer: DraftLayer;
  if (command) {
    notes.push(...command.notes);
    if (command.notes.length === 0)
      notes.push(`\`npm start\` is run directly, as ${command.argv.join(' ')}: npm passes signals badly`);
    const hasOwnSteps = ['prestart', 'poststart'].filter((name) => found.scripts?.[name] !== undefined);
    if (hasOwnSteps.length > 0) notes.push(`the scripts ${hasOwnSteps.join(' and ')} are not run`);
    layer = {
      name: 'web',
      argv: fromModules(command.argv, found),
      variables: command.variables,
      health: { http: '/' },
    };
  } else if (main !== undefined) {
    notes.push(`there is no start script, so ${main} is run`);
    layer = { name: 'web', argv: ['node', main], health: { http: '/' } };
  } else {
    return undefined;
  }
  notes.push('the program is expected to listen on the port in $PORT');
  return {
    kind: found.dependencies?.['next'] === undefined ? 'a Node program' : 'a Next.js program',
    layers: [layer],
    build: buildOf(folder, found),
    exclude: ['node_modules'],
    notes,
  };
}

/** Programs of dependencies are found by npm alone, so they are named by their path. */
function fromModules(argv: readonly string[], { dependencies, devDependencies }: Package): readonly string[] {
  const [program = '', ...rest] = argv;
  if (program === 'npx' && rest[0] !== undefined && !rest[0].startsWith('-'))
    return [`node_modules/.bin/${rest[0]}`, ...rest.slice(1)];
  const owner =
    { 'react-router-serve': '@react-router/serve', 'remix-serve': '@remix-run/serve', nest: '@nestjs/cli' }[
      program
    ] ?? program;
  const known = dependencies?.[owner] !== undefined || devDependencies?.[owner] !== undefined;
  return known && /^[\w-]+$/.test(program) ? [`node_modules/.bin/${program}`, ...rest] : argv;
}

function buildOf(folder: Folder, { scripts, dependencies, devDependencies }: Package): string[][] {
  const builds = scripts?.['build'] !== undefined;
  const needed = Object.keys({ ...dependencies, ...(builds ? devDependencies : {}) }).length > 0;
  const [manager, install] = folder.has('pnpm-lock.yaml')
    ? ['pnpm', ['install', '--frozen-lockfile']]
    : folder.has('yarn.lock')
      ? ['yarn', ['install', '--frozen-lockfile']]
      : folder.has('bun.lock') || folder.has('bun.lockb')
        ? ['bun', ['install', '--frozen-lockfile']]
        : ['npm', [folder.has('package-lock.json') ? 'ci' : 'install', ...(builds ? [] : ['--omit=dev'])]];
  return [...(needed ? [[manager, ...install]] : []), ...(builds ? [[manager, 'run', 'build']] : [])];
}

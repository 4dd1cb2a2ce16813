import { z } from 'zod';
import { readYaml } from '../yaml-text.ts';
import { commandOfLine } from './command-line.ts';
import type { Draft, DraftLayer } from './draft.ts';
import type { Folder } from './folder.ts';
import { layerName } from './names.ts';

const names = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];

const line = z.union([z.string(), z.array(z.union([z.string(), z.number().transform(String)]))]);
const Service = z.looseObject({
  build: z.unknown().optional(),
  command: line.optional().catch(undefined),
  ports: z
    .array(
      z.union([
        z.string(),
        z.number(),
        z.looseObject({ published: z.union([z.string(), z.number()]).optional() }),
      ]),
    )
    .optional()
    .catch(undefined),
  healthcheck: z.looseObject({ test: line.optional() }).optional().catch(undefined),
  environment: z
    .union([z.array(z.string()), z.record(z.string(), z.unknown())])
    .optional()
    .catch(undefined),
});
type Service = z.infer<typeof Service>;
const Compose = z.looseObject({ services: z.record(z.string(), Service) });

/** What a compose file says about the programs that are built from this folder; images of others are not ours to deploy. */
export interface ComposeHints {
  readonly file: string;
  readonly layers: readonly DraftLayer[];
  /** The path that the health check of the routed service asks for. */
  readonly healthPath: string | undefined;
  readonly port: number | undefined;
  readonly notes: readonly string[];
}

export function composeHints(folder: Folder): ComposeHints | undefined {
  const file = names.find((name) => folder.has(name));
  const text = file === undefined ? undefined : folder.text(file);
  if (file === undefined || text === undefined) return undefined;
  const yaml = readYaml(text);
  const parsed = 'value' in yaml ? Compose.safeParse(yaml.value) : undefined;
  if (!parsed?.success)
    return {
      file,
      layers: [],
      healthPath: undefined,
      port: undefined,
      notes: [`${file} could not be read, so nothing was taken from it`],
    };
  const own = Object.entries(parsed.data.services).filter(([, service]) => service.build !== undefined);
  const routed =
    own.find(([name]) => name === 'web') ??
    own.find(([, service]) => (service.ports?.length ?? 0) > 0) ??
    own[0];
  const notes: string[] = [];
  const layers = (routed ? [routed, ...own.filter((one) => one !== routed)] : []).flatMap(
    ([name, service], index): DraftLayer[] => {
      const command = commandOf(service);
      const variables = Array.isArray(service.environment)
        ? service.environment.map((entry) => entry.split('=', 1)[0])
        : Object.keys(service.environment ?? {});
      if (variables.length > 0)
        notes.push(`${file} sets ${variables.join(', ')} for ${name}; write what is needed under variables`);
      if (!command) return [];
      notes.push(...command.notes);
      const path = healthPathOf(service);
      const listens = index === 0 || (service.ports?.length ?? 0) > 0;
      const health =
        path !== undefined ? { http: path } : index === 0 ? { http: '/' } : listens ? 'tcp' : 'none';
      return [{ name: layerName(name), argv: command.argv, variables: command.variables, health }];
    },
  );
  return {
    file,
    layers,
    healthPath: routed && healthPathOf(routed[1]),
    port: routed && publishedPort(routed[1]),
    notes,
  };
}

export function detectCompose(hints: ComposeHints | undefined): Draft | undefined {
  if (!hints || hints.layers.length === 0) return undefined;
  const unique = hints.layers.filter(
    ({ name }, index) => hints.layers.findIndex((other) => other.name === name) === index,
  );
  return {
    kind: `commands in ${hints.file}`,
    layers: unique,
    notes: [
      'what the Dockerfile installs has to be on this machine, or in release.build',
      `${unique[0]?.name ?? 'web'} is expected to listen on the port in $PORT`,
    ],
  };
}

/** Compose runs no shell for a command; a line is only split. */
function commandOf({ command }: Service): ReturnType<typeof commandOfLine> {
  if (command === undefined || command.length === 0) return undefined;
  return typeof command === 'string' ? commandOfLine(command) : { argv: command, variables: {}, notes: [] };
}

function healthPathOf({ healthcheck }: Service): string | undefined {
  const test = [healthcheck?.test ?? []].flat().join(' ');
  const found =
    /https?:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?::[^/\s"']+)?(\/[^\s"'|&;)<>]*)?/.exec(test);
  return found ? (found[1] ?? '/') : undefined;
}

function publishedPort({ ports }: Service): number | undefined {
  const [first] = ports ?? [];
  const text = typeof first === 'object' ? String(first.published ?? '') : String(first ?? '');
  const port = Number(
    /(?:^|:)(\d{1,5}):\d{1,5}(?:\/tcp)?$/.exec(text)?.[1] ?? /^(\d{1,5})$/.exec(text)?.[1] ?? Number.NaN,
  );
  // Below 1024 only root may listen, and the preview comes one above.
  return Number.isInteger(port) && port >= 1024 && port < 65535 ? port : undefined;
}

import { parse } from 'yaml';

/** A layer of a first spec. */
export interface DraftLayer {
  readonly name: string;
  readonly argv: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  /** A path that is asked for over HTTP; `tcp` where it only listens; `none` where it does not listen at all. */
  readonly health: { readonly http: string } | 'tcp' | 'none';
}

/** What was found out about a folder: as much as a first spec says. */
export interface Draft {
  /** What was recognised, in a few words: `a Node program`. */
  readonly kind: string;
  /** The one that gets the traffic is first. */
  readonly layers: readonly DraftLayer[];
  readonly build?: readonly (readonly string[])[];
  readonly exclude?: readonly string[];
  /** The port that users come to. */
  readonly port?: number;
  /** What was assumed or left out, for the user to look at. */
  readonly notes: readonly string[];
}

/** The text of a `cutover.yaml`, with a comment where somebody will want to change something. */
export function renderDraft(service: string, draft: Draft): string {
  const [routed] = draft.layers;
  const { exclude = [], build = [] } = draft;
  return [
    `# A first spec, from what was found in this folder: ${draft.kind}. All keys: cutover schema`,
    `service: ${scalar(service)}`,
    '',
    'router:',
    `  listen: 127.0.0.1:${draft.port ?? 8080} # users come here; 0.0.0.0 lets other machines in`,
    `  preview: 127.0.0.1:${(draft.port ?? 8080) + 1} # testers come here: the side that is not live`,
    ...(draft.layers.length > 1 && routed && routed.name !== 'web'
      ? [`  layer: ${scalar(routed.name)}`]
      : []),
    '',
    'platform:',
    '  addresses: port # each instance gets a port in $PORT; with ip each colour has an IP of its own, in $HOST',
    ...(exclude.length + build.length > 0 ? ['', 'release:'] : []),
    ...(exclude.length > 0 ? [`  exclude: ${flow(exclude)}`] : []),
    ...(build.length > 0
      ? ['  build: # run once in each release', ...build.map((argv) => `    - ${flow(argv)}`)]
      : []),
    '',
    'environments:',
    '  layers:',
    ...draft.layers.flatMap(layerLines),
    '',
    'keep: 1h # how long the old side stays ready for the way back',
    '',
  ].join('\n');
}

function layerLines({ name, argv, variables = {}, health }: DraftLayer): string[] {
  const lines = [`${scalar(name)}:`, `  command: ${flow(argv)}`];
  const entries = Object.entries(variables);
  if (entries.length > 0)
    lines.push('  variables:', ...entries.map(([key, value]) => `    ${key}: ${scalar(value)}`));
  if (health === 'none') {
    lines.push(
      '  health: # it listens nowhere; better: a command that says whether it works',
      '    running: 2s',
    );
  } else if (health === 'tcp') {
    lines.push(
      '  health: # it takes connections; better: http with a path that says whether it works',
      '    tcp: true',
    );
  } else if (health.http === '/') {
    lines.push(
      '  health: # any answer but an error of the server; better: a path that says whether it works',
      '    http: { path: /, status: 200-499 }',
    );
  } else {
    lines.push('  health:', `    http: { path: ${scalar(health.http)} }`);
  }
  return lines.map((line) => `    ${line}`);
}

const flow = (words: readonly string[]): string => `[${words.map(scalar).join(', ')}]`;

/** Text as it may stand in a list of YAML: plain where it stays the same text, else in quotes. */
function scalar(text: string): string {
  return /^[\w./@%+=:-]+$/.test(text) && staysText(text) ? text : JSON.stringify(text);
}

function staysText(text: string): boolean {
  try {
    const read: unknown = parse(`[${text}]`, { logLevel: 'silent' });
    return Array.isArray(read) && read.length === 1 && read[0] === text;
  } catch {
    return false; // Then it stands in quotes.
  }
}

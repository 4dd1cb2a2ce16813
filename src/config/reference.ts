import { type JsonSchema, specJsonSchema } from './json-schema.ts';

/** A spec that uses most of what there is; it stands at the top of the reference page. */
export const exampleSpec = `service: shop

router:
  listen: 0.0.0.0:8080 # users come here
  preview: 127.0.0.1:8081 # testers come here: always the side that is not live

release:
  from: . # what is shipped: this folder, but
  exclude: [tmp, test]
  build:
    - [npm, ci, --omit=dev] # runs once in the release, before it is sealed

environments: # blue and green, as alike as can be
  variables:
    LOG_LEVEL: info
  layers:
    web:
      command: [node, server.js] # listens on $HOST and $PORT
      instances: 2
      variables:
        DATABASE_PASSWORD: { file: /etc/shop/database-password }
      health:
        http: { path: /health }
        interval: 250ms
        startPeriod: 30s
      stop:
        signal: SIGTERM
        grace: 20s
    worker:
      command: [node, worker.js]
      health:
        command: [node, worker.js, --ping]
  green:
    variables:
      FEATURE_NEW_BASKET: true

strategy:
  kind: blue-green
  drain: 30s # the old side finishes what it has begun
  bake: 10s # the new side is watched, ready to roll back

checks: # on the new side, before it gets traffic
  - name: front page
    http: { path: /, status: 200, contains: Welcome }
  - name: smoke test
    command: [npm, run, smoke]
    timeout: 1m

keep: 2h # the old side stays hot for the way back
keepReleases: 5
`;

const intro = `# The spec

<!-- Written by \`npm run docs\` from the schema in src/core/spec.ts; change it there. -->

A service is described in one file, \`cutover.yaml\` (or \`cutover.yml\`, or \`cutover.config.ts\`). Only \`service\`,
\`router.listen\` and one layer with its \`command\` are needed; \`cutover init\` writes a first one. A wrong spec is refused
before anything is changed, with all of its problems at once, each with line, path, what was expected and what was found.`;

const conventions = `## Conventions

- **Durations** are a number with a unit: \`500ms\`, \`1.5s\`, \`10m\`, \`1h\`, \`7d\`, or \`0\`.
- **Addresses** are \`host:port\`, \`[IPv6]:port\`, or \`:port\` for every address of the machine.
- **Commands** are lists of words, the program first. No shell reads them: \`[sh, -c, "a | b"]\` where one is wanted.
- **Paths** are relative to the folder of the spec.
- **Variables** are text, as the words of commands are. YAML reads some as something else (\`1.10\`, \`0644\`, \`True\`); such a one is refused unless it
  stands in quotes. Later ones win: those of both environments, of the layer, of the colour. Cutover itself sets \`HOST\`,
  \`PORT\`, \`CUTOVER_ENVIRONMENT\` and \`CUTOVER_RELEASE\`.
- **Anchors**, aliases and merges (\`<<\`) of YAML work.

## Types instead of YAML

\`cutover.config.ts\` exports the same by default, as an object or as a function (async if need be) that returns it:

\`\`\`ts
import { defineConfig } from 'cutover/config';

export default defineConfig({
  service: 'shop',
  router: { listen: ':8080' },
  environments: { layers: { web: { command: ['node', 'server.js'] } } },
});
\`\`\`

## In an editor

\`cutover schema > cutover.schema.json\` writes the JSON Schema; with
\`# yaml-language-server: $schema=./cutover.schema.json\` as the first line of \`cutover.yaml\` most editors complete and check.`;

/** The page docs/spec.md: Markdown, made from the schema. */
export function specReference(schema: JsonSchema = specJsonSchema()): string {
  const example = `\`\`\`yaml\n${exampleSpec}\`\`\``;
  return `${[intro, example, conventions, ...sections(schema, '')].join('\n\n')}\n`;
}

/** A section with a table for a map of known keys, and one for each map below it. */
function sections(schema: JsonSchema, path: string): string[] {
  const rows = Object.entries(schema.properties ?? {}).map(([key, value]) => {
    const must = schema.required?.includes(key) === true;
    const standard = value.default === undefined ? '' : `\`${inline(value.default)}\``;
    return `| \`${key}\` | ${typeOf(value)} | ${must ? '**needed**' : standard} | ${value.description ?? ''} |`;
  });
  const heading = path === '' ? '## The top' : `## \`${path}\``;
  const meaning = path === '' || schema.description === undefined ? [] : [schema.description];
  const table = ['| key | type | default | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
  const below = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const at = path === '' ? key : `${path}.${key}`;
    if (value.properties) return sections(value, at);
    if (value.items?.properties) return sections(value.items, `${at}[]`);
    if (value.additionalProperties && value.additionalProperties.properties)
      return sections(value.additionalProperties, `${at}.NAME`);
    return [];
  });
  return [[heading, ...meaning, table].join('\n\n'), ...below];
}

/** A type in a few words. */
function typeOf(schema: JsonSchema): string {
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.const !== undefined) return `\`${inline(schema.const)}\``;
  if (schema.enum) return schema.enum.map((value) => `\`${inline(value)}\``).join(' or ');
  if (schema.title !== undefined) return schema.title;
  switch (schema.type) {
    case 'string':
      return 'text';
    case 'boolean':
      return '`true` or `false`';
    case 'integer':
      return `whole number${range(schema)}`;
    case 'number':
      return `number${range(schema)}`;
    case 'array':
      return `list of ${schema.items ? plural(typeOf(schema.items)) : 'values'}`;
    case 'object':
      return typeof schema.additionalProperties === 'object'
        ? `map of names to ${plural(typeOf(schema.additionalProperties))}`
        : 'map';
    case 'null':
      return 'nothing';
    case undefined:
      return 'any value';
    default:
      throw new Error(`The reference page has no word for the type ${String(schema.type)}.`);
  }
}

const plurals: Readonly<Record<string, string>> = {
  text: 'texts',
  map: 'maps',
  command: 'commands',
  'any value': 'any values',
};
const plural = (type: string): string => plurals[type] ?? type;

function range({ minimum, maximum }: JsonSchema): string {
  const from = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? minimum : undefined;
  const to = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (from !== undefined && to !== undefined) return `, ${from} to ${to}`;
  if (from !== undefined) return `, from ${from}`;
  return to === undefined ? '' : `, up to ${to}`;
}

/** A value as it stands in YAML, in one line. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value).map(([key, part]) => `${key}: ${inline(part)}`);
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}

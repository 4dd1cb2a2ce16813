import { expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkSpecText } from '../src/config/check-spec.ts';
import packaged from '../package.json' with { type: 'json' };

const root = join(import.meta.dir, '..');
const pages = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');
const blocks = (page: string, language: string): string[] =>
  [...textOf(page).matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    (match) => match[1] ?? '',
  );

test('the specs in the README are specs', () => {
  const specs = blocks('README.md', 'yaml');
  expect(specs).toHaveLength(3);
  for (const spec of specs) expect(checkSpecText(spec).problems ?? []).toEqual([]);
});

test('the README shows the spec of the example of a fleet, which the end-to-end test deploys', () => {
  const [, fleet = ''] = blocks('README.md', 'yaml');
  const example = readFileSync(join(root, 'examples/fleet/cutover.yaml'), 'utf8');
  expect(example.split('\n').slice(2).join('\n')).toBe(fleet);
  expect(example.split('\n').length).toBeLessThan(40);
});

test('a whole spec that a page shows is one', () => {
  for (const page of ['docs/modes.md', 'docs/long-lived.md']) {
    const specs = blocks(page, 'yaml');
    expect(specs.length).toBeGreaterThan(0);
    for (const spec of specs) expect([page, checkSpecText(spec).problems ?? []]).toEqual([page, []]);
  }
});

test('what pages show of a spec is right', () => {
  for (const page of [
    'docs/pages.md',
    'docs/sticky.md',
    'docs/checks.md',
    'docs/hooks.md',
    'docs/hosts.md',
    'docs/notifications.md',
    'docs/warm-up.md',
    'docs/preview.md',
    'docs/assets.md',
    'docs/upstream.md',
    ...readdirSync(join(root, 'docs/routers')).map((name) => `docs/routers/${name}`),
  ]) {
    const parts = blocks(page, 'yaml');
    expect(parts.length).toBeGreaterThan(0);
    for (const part of parts) {
      const router = part.includes('router:') ? '' : 'router: { listen: :8080 }\n';
      if (/^service:/m.test(part)) {
        expect([page, part, checkSpecText(part).problems ?? []]).toEqual([page, part, []]);
        continue;
      }
      const spec = `service: shop\n${router}${part}environments: { layers: { web: { command: [server] } } }\n`;
      expect([page, part, checkSpecText(spec).problems ?? []]).toEqual([page, part, []]);
    }
  }
});

test('the README has exactly two commands that set everything up, and every npm script that pages name is there', () => {
  expect(blocks('README.md', 'sh')[0]?.match(/^npm .*?(?= {2,}|$)/gm)).toEqual(['npm run demo', 'npm test']);
  const scripts = Object.keys(packaged.scripts);
  for (const page of pages) {
    for (const [, name] of textOf(page).matchAll(/npm run ([a-z]+)/g)) expect(scripts).toContain(name ?? '');
  }
});

test('every verb that the README shows is one', async () => {
  const child = Bun.spawn([process.execPath, join(root, 'src/cli/main.ts'), '--help'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const help = await child.stdout.text();
  const verbs = new Set([...help.matchAll(/^ {2}([a-z]+)\b/gm)].map((match) => match[1]));
  const shown = blocks('README.md', 'sh')
    .join('')
    .matchAll(/^cutover ([a-z]+)/gm);
  for (const [, verb] of shown) expect([...verbs]).toContain(verb ?? '');
});

test('links to files lead somewhere', () => {
  for (const page of pages) {
    for (const [, target] of textOf(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      const path = join(root, dirname(page), target ?? '');
      expect({ page, target, exists: existsSync(path) }).toEqual({ page, target, exists: true });
    }
  }
});

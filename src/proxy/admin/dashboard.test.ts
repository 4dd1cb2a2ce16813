import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { summarize, type DiffReport } from '../../core/mirror/diff-report.ts';
import { emptySide, nothingTold, type Counters, type Route } from '../../core/traffic.ts';
import { parseExposition } from '../../testing/exposition-parser.ts';
import { proxyMetrics } from './metrics.ts';

const root = join(import.meta.dir, '../../..');
const Dashboard = z.looseObject({
  panels: z.array(
    z.looseObject({
      title: z.string(),
      targets: z.array(z.looseObject({ expr: z.string() })).min(1),
      gridPos: z.object({ x: z.int(), y: z.int(), w: z.int(), h: z.int() }),
    }),
  ),
});
const page = readFileSync(join(root, 'docs/metrics.md'), 'utf8');

const route: Route = {
  service: 'shop',
  epoch: 1,
  live: 'blue',
  listen: { host: '127.0.0.1', port: 1 },
  preview: null,
  previewHost: null,
  blue: { release: 1, instances: [] },
  green: { release: null, instances: [] },
};
const counters: Counters = {
  bootId: 'boot',
  at: 1,
  blue: { ...emptySide(), latency: [[3, 1]] },
  green: emptySide(),
  refused: { '400': 1 },
  told: nothingTold,
  queued: 0,
};
const found: DiffReport = {
  ...{ format: 1, service: 'shop', id: 'm', from: 'blue', to: 'green', share: 0.1 },
  ...{ releases: { live: 1, idle: 2 }, startedAt: 1, updatedAt: 2, chosen: 1, skipped: {}, controls: 0 },
  ...{ latency: { users: [], live: [], idle: [] }, routes: [], running: true, restarts: 0 },
};
const families = parseExposition(
  proxyMetrics({
    status: {
      pid: 1,
      bootId: 'boot',
      version: '0',
      startedAt: 1,
      workers: [],
      draining: [],
      table: { version: 1, services: ['shop'] },
      listeners: [],
      sick: [],
      certificates: [
        {
          services: ['shop'],
          hosts: ['shop.example'],
          source: '/c.pem',
          issuer: 'R3',
          expiresAt: 1000,
          renewsAt: null,
          problem: null,
        },
      ],
      alone: false,
      joint: [],
      warnings: [],
    },
    services: [{ route, counters }],
    certificates: [{ service: 'shop', file: '/c.pem', notAfter: 1 }],
    mirrors: [{ service: 'shop', found: summarize(found) }],
  }),
);

test('the page names every metric of the proxy, and no other', () => {
  const section = page.slice(page.indexOf('## Of the proxy'), page.indexOf('## Of the controller'));
  const named = section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...line.split('|')[1]!.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name!));
  expect(named.sort()).toEqual(families.map(({ name }) => name.replace('cutover_proxy_', '')).sort());
});

test('the dashboard asks only for metrics and labels that there are', () => {
  const { panels } = Dashboard.parse(
    JSON.parse(readFileSync(join(root, 'docs/grafana-dashboard.json'), 'utf8')),
  );
  expect(panels.length).toBeGreaterThan(5);
  for (const { title, targets } of panels)
    for (const { expr } of targets) {
      const names = [...expr.matchAll(/cutover_(proxy|controller)_([a-z_]+)/g)];
      expect({ title, names: names.length }).not.toEqual({ title, names: 0 });
      for (const [whole, program, rest] of names) {
        if (program === 'controller') {
          expect(page).toContain(`\`${rest!.replace(/_(sum|count|bucket)$/, '')}\``);
          continue;
        }
        const family = families.find(({ samples }) => samples.some(({ name }) => name === whole));
        expect({ title, whole, found: family?.name }).not.toEqual({ title, whole, found: undefined });
        const labels = new Set(family!.samples.flatMap((sample) => Object.keys(sample.labels)));
        if (names.length === 1)
          for (const [, list] of expr.matchAll(/by \(([^)]*)\)/g))
            for (const label of list!.split(', ')) expect([...labels]).toContain(label);
      }
    }
});

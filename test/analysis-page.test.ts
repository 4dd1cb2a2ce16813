import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkSpecText } from '../src/config/check-spec.ts';
import { proxyMeasures } from '../src/core/spec/analysis.ts';

const page = readFileSync(join(import.meta.dir, '../docs/analysis.md'), 'utf8');
const good = `service: shop
router: { listen: 127.0.0.1:8080 }
environments: { layers: { web: { command: [node, server.js] } } }
`;

test('every example of the page is a spec', () => {
  const examples = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text = '']) => text);
  expect(examples.length).toBeGreaterThanOrEqual(2);
  for (const example of examples) expect(checkSpecText(good + example)).not.toHaveProperty('problems');
});

test('what the page says of defaults is so', () => {
  const settings = /^```yaml\nanalysis:\n((?: {2}(?!measures).*\n)+)/m.exec(page)?.[1] ?? '';
  expect(settings).toContain('waitAtMost');
  const [written, usual] = [`analysis:\n${settings}`, 'analysis: true\n'].map((part) => {
    const checked = checkSpecText(good + part);
    if (checked.problems) throw new Error(JSON.stringify(checked.problems));
    return checked.spec.analysis;
  });
  expect(written).toEqual(usual!);
});

test('the page names every measure of the proxy', () => {
  for (const name of Object.keys(proxyMeasures)) expect(page).toContain(`\`${name}\``);
});

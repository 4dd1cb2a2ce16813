import { expect, test } from 'bun:test';
import fc from 'fast-check';
import type { Receipt } from '../../core/receipt.ts';
import type { SideTimeline } from '../../core/timeline.ts';
import { noon, receipt } from '../testing/views.ts';
import { receiptPage } from './page.ts';
import { ticks } from './scale.ts';

const side = (requests: number[], change: Partial<SideTimeline> = {}): SideTimeline => ({
  requests,
  failed: requests.map(() => 0),
  errors: requests.map(() => 0),
  p50Ms: requests.map((n) => (n === 0 ? null : 1.5)),
  p99Ms: requests.map((n) => (n === 0 ? null : 4)),
  ...change,
});

const measured: Receipt = {
  ...receipt,
  timeline: {
    from: noon,
    until: [noon + 2000, noon + 4000, noon + 8200],
    blue: side([100, 40, 0]),
    green: side([0, 60, 210], { failed: [0, 2, 0] }),
  },
};

/** The elements of a page, with their attributes, as a browser's own reader sees them. */
async function elements(page: string): Promise<{ tag: string; attributes: Record<string, string> }[]> {
  const found: { tag: string; attributes: Record<string, string> }[] = [];
  await new HTMLRewriter()
    .on('*', {
      element: ({ tagName, attributes }) => {
        found.push({ tag: tagName, attributes: Object.fromEntries(attributes) });
      },
    })
    .transform(new Response(page))
    .text();
  return found;
}

/** What a person reads on a page: its texts, apart by one space. */
async function words(page: string): Promise<string> {
  const texts: string[] = [];
  await new HTMLRewriter()
    .on('body *, td, th, p, li, h2', { text: ({ text }) => void texts.push(text) })
    .transform(new Response(page))
    .text();
  return texts.join(' ').replaceAll(/\s+/g, ' ');
}

test('the page shows the traffic of both sides, the switch, errors and steps, and needs nothing from elsewhere', async () => {
  const page = receiptPage(measured);
  const all = await elements(page);
  const styled = (name: string): number =>
    all.filter(({ attributes }) => attributes['class']?.split(' ').includes(name)).length;
  expect(all.filter(({ tag }) => tag === 'svg').length).toBe(4);
  expect(styled('band')).toBe(2);
  // Three charts show the moment of the switch, and one span in one of them has failures.
  expect(styled('mark')).toBe(3);
  expect(all.filter(({ attributes }) => attributes['class'] === 'bar failed').length).toBe(1);
  expect(styled('step')).toBe(measured.steps.length);
  expect(page).toContain('switch to green, 3s after the beginning');
  expect(page).toContain('12,345');
  expect(page).toContain(measured.hash);
  for (const { tag, attributes } of all) {
    expect(['script', 'link', 'img', 'iframe', 'object']).not.toContain(tag);
    for (const name of ['src', 'href', 'xlink:href', 'onload']) expect(attributes[name]).toBeUndefined();
  }
});

test('without a timeline it says so, and what was not measured is on the page', () => {
  const page = receiptPage({ ...receipt, gaps: ['the router did not answer at the end'] });
  expect(page).toContain('there is no timeline');
  expect(page).toContain('the router did not answer at the end');
  expect(page).not.toContain('<svg');
});

test('the page has the canary, the gates with who opened them, what people ordered, and what going back would have cost', async () => {
  const page = receiptPage({
    ...measured,
    canary: [
      {
        to: 'green',
        weight: 10,
        at: noon + 1000,
        ms: 2000,
        requests: { blue: 900, green: 100 },
        failed: { blue: 0, green: 3 },
      },
      { to: 'green', weight: 50, at: noon + 3000, ms: 500, requests: null, failed: null },
    ],
    gates: [
      {
        gate: 1,
        name: 'the go-ahead',
        before: 'switch',
        waitsFor: 'approval',
        status: 'done',
        says: 'approved by eve',
        waitedMs: 60_000,
        said: [{ kind: 'approve', by: 'eve', at: noon, reason: 'looks <good>' }],
      },
    ],
    interventions: [{ kind: 'promote', by: 'ada', at: noon + 4000, force: true }],
    wayBack: {
      verdict: { verdict: 'lossy', writes: 7 },
      frozenAt: null,
      decision: null,
      reason: 'the shop was slow',
    },
  });
  const text = await words(page);
  expect(text).toContain('green 10 % 2s 100 of 1,000 10 % 3 of 3');
  expect(text).toContain('green 50 % 500ms not counted – –');
  expect(text).toContain('the go-ahead switch approved by eve 1m approve by eve');
  expect(text).toContain('looks &lt;good&gt;');
  expect(text).toContain('promote, gates too ada');
  expect(text).toContain('reason the shop was slow');
  expect(text).toContain('10 % to green, 1s after the beginning');
});

test('no text of a user becomes markup', async () => {
  const plain = (await elements(receiptPage(measured))).length;
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: fc.constantFrom(...'<>&"\'/=! ascriptdiv-') }), async (text) => {
      const page = receiptPage({ ...measured, version: text, by: text, service: text });
      expect((await elements(page)).length).toBe(plain);
    }),
    { numRuns: 50 },
  );
});

test('an axis begins at 0, reaches over the highest value, and has few round steps', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), (most) => {
      const steps = ticks(most, 3);
      expect(steps[0]).toBe(0);
      expect(steps.at(-1)).toBeGreaterThanOrEqual(most * (1 - 1e-9));
      expect(steps.length).toBeGreaterThanOrEqual(2);
      expect(steps.length).toBeLessThanOrEqual(5);
    }),
  );
  expect(ticks(0.3, 3)).toEqual([0, 0.1, 0.2, 0.3]);
  expect(ticks(0, 3)).toEqual([0, 1]);
});

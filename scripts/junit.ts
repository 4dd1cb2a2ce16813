/** What a JUnit report of `bun test` says. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  /** Names of the tests that did not run. */
  readonly skipped: readonly string[];
}

const entities: Readonly<Record<string, string>> = { quot: '"', apos: "'", lt: '<', gt: '>', amp: '&' };
const plain = (text: string): string =>
  text.replace(/&(quot|apos|lt|gt|amp);/g, (whole, name: string) => entities[name] ?? whole);

/**
 * The counts in the XML text of a report; undefined if the text is no whole report, as when the runner was killed while it
 * wrote: such a run counts as failed.
 */
export function readJunit(xml: string): TestCounts | undefined {
  const head = /<testsuites\b([^>]*)>/.exec(xml)?.[1];
  if (head === undefined || !xml.trimEnd().endsWith('</testsuites>')) return undefined;
  const count = (name: string): number =>
    Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? Number.NaN);
  const [tests, failed, skips] = [count('tests'), count('failures'), count('skipped')];
  if (![tests, failed, skips].every(Number.isSafeInteger)) return undefined;
  const skipped = [...xml.matchAll(/<testcase name="([^"]*)"[^>]*[^/]>\s*<skipped\b/g)].map((match) =>
    plain(match[1] ?? ''),
  );
  while (skipped.length < skips) skipped.push('(a test without a name)');
  return { passed: tests - failed - skips, failed, skipped };
}

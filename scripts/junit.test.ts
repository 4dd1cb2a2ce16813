import { expect, test } from 'bun:test';
import { readJunit } from './junit.ts';

const report = (attributes: string, cases = ''): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="bun test" ${attributes} time="0.1">\n${cases}</testsuites>\n`;

test('counts what passed, failed and was skipped, and names what was skipped', () => {
  const cases = `
    <testcase name="runs" classname="" time="0" file="a.test.ts" line="2" assertions="0" />
    <testcase name="needs &quot;nginx&quot; &amp; more" classname="" time="0" file="a.test.ts" line="2" assertions="0">
      <skipped />
    </testcase>`;
  expect(readJunit(report('tests="4" assertions="9" failures="1" skipped="1"', cases))).toEqual({
    passed: 2,
    failed: 1,
    skipped: ['needs "nginx" & more'],
  });
});

test('a skip whose name cannot be found is counted all the same', () => {
  expect(readJunit(report('tests="1" failures="0" skipped="1"'))?.skipped).toHaveLength(1);
});

for (const [what, text] of [
  ['nothing', ''],
  ['a report that was cut off', report('tests="1" failures="0" skipped="0"').slice(0, -5)],
  ['a report without counts', report('tests="1"')],
] as const) {
  test(`${what} is no report`, () => {
    expect(readJunit(text)).toBeUndefined();
  });
}

import { describe, expect, test } from 'bun:test';
import { QuietTime } from './quiet-time.ts';

describe('it is time to give memory back', () => {
  test('when the start is over, once', () => {
    const quiet = new QuietTime();
    expect(quiet.look(500)).toBe(true);
    expect(quiet.look(530)).toBe(false);
    expect(quiet.look(550)).toBe(false);
  });

  test('not while there is work, but after it', () => {
    const quiet = new QuietTime();
    quiet.look(500);
    for (let spent = 700; spent <= 2950; spent += 150) expect(quiet.look(spent)).toBe(false);
    expect(quiet.look(3000)).toBe(true);
  });

  test('not after a little work', () => {
    const quiet = new QuietTime();
    quiet.look(500);
    for (const spent of [800, 850, 890]) expect(quiet.look(spent)).toBe(false);
    expect(quiet.look(910)).toBe(true);
  });
});

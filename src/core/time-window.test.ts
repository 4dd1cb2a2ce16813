import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { z } from 'zod';
import { describeWindow, isOpen, nextOpening, TimeWindow } from './time-window.ts';

const window = (written: z.input<typeof TimeWindow>): TimeWindow => TimeWindow.parse(written);
const at = (text: string): number => new Date(text).getTime();
const office = window({
  days: ['mon', 'tue', 'wed', 'thu'],
  from: '09:00',
  to: '16:00',
  timezone: 'Europe/Berlin',
});

describe('a time window', () => {
  test('is open by the clock of its zone, up to its end and not at it', () => {
    // A Monday in winter: Berlin is an hour ahead of UTC; in summer two.
    expect(isOpen(office, at('2026-01-12T07:59:59Z'))).toBe(false);
    expect(isOpen(office, at('2026-01-12T08:00:00Z'))).toBe(true);
    expect(isOpen(office, at('2026-01-12T14:59:59.999Z'))).toBe(true);
    expect(isOpen(office, at('2026-01-12T15:00:00Z'))).toBe(false);
    expect(isOpen(office, at('2026-07-13T07:00:00Z'))).toBe(true);
    expect(isOpen(office, at('2026-07-13T14:00:00Z'))).toBe(false);
    expect(isOpen(office, at('2026-01-16T10:00:00Z'))).toBe(false);
  });

  test('that goes past midnight belongs to the day on which it begins', () => {
    const night = window({ days: ['fri'], from: '22:00', to: '04:00' });
    expect(isOpen(night, at('2026-01-16T22:00:00Z'))).toBe(true);
    expect(isOpen(night, at('2026-01-17T03:59:00Z'))).toBe(true);
    expect(isOpen(night, at('2026-01-17T04:00:00Z'))).toBe(false);
    expect(isOpen(night, at('2026-01-16T03:00:00Z'))).toBe(false);
    expect(nextOpening(night, at('2026-01-12T00:00:00Z'))).toBe(at('2026-01-16T22:00:00Z'));
  });

  test('does not begin on days that are left out, one by one or as a range', () => {
    const but = window({ ...office, except: ['2026-01-12', '2026-01-13..2026-01-18'] });
    expect(nextOpening(but, at('2026-01-11T00:00:00Z'))).toBe(at('2026-01-19T08:00:00Z'));
    expect(nextOpening(window({ except: ['0001-01-01..9999-12-31'] }), at('2026-01-11T00:00:00Z'))).toBe(
      null,
    );
  });

  test('begins late on the day whose clocks leave its beginning out, and not at all if they leave it out whole', () => {
    // On 29 March 2026 the clocks of Berlin go from 02:00 to 03:00, at 01:00 UTC.
    const early = window({ from: '02:30', to: '05:00', timezone: 'Europe/Berlin' });
    expect(nextOpening(early, at('2026-03-29T00:30:00Z'))).toBe(at('2026-03-29T01:00:00Z'));
    const gap = window({ from: '02:10', to: '02:50', timezone: 'Europe/Berlin' });
    expect(nextOpening(gap, at('2026-03-28T23:00:00Z'))).toBe(at('2026-03-30T00:10:00Z'));
  });

  test('is open in both hours where one comes twice', () => {
    // On 25 October 2026 the clocks of Berlin go from 03:00 back to 02:00, at 01:00 UTC.
    const twice = window({ from: '02:00', to: '03:00', timezone: 'Europe/Berlin' });
    expect(nextOpening(twice, at('2026-10-24T12:00:00Z'))).toBe(at('2026-10-25T00:00:00Z'));
    expect(isOpen(twice, at('2026-10-25T00:59:59Z'))).toBe(true);
    expect(isOpen(twice, at('2026-10-25T01:30:00Z'))).toBe(true);
    expect(isOpen(twice, at('2026-10-25T02:00:00Z'))).toBe(false);
  });

  test('opens once more where the clocks are put back after it has closed', () => {
    const late = window({ from: '01:00', to: '02:30', timezone: 'Europe/Berlin' });
    expect(isOpen(late, at('2026-10-25T00:45:00Z'))).toBe(false);
    expect(nextOpening(late, at('2026-10-25T00:45:00Z'))).toBe(at('2026-10-25T01:00:00Z'));
    expect(isOpen(late, at('2026-10-25T01:30:00Z'))).toBe(false);
  });

  test('is told in words', () => {
    expect(describeWindow(office)).toBe('mon, tue, wed, thu, 09:00 to 16:00 Europe/Berlin');
    expect(describeWindow(window({}))).toBe('every day, 00:00 to 24:00 UTC');
  });

  test('refuses what is no zone, no time, and no time at all', () => {
    for (const wrong of [
      { timezone: 'Mars/Olympus' },
      { from: '9:00' },
      { to: '24:01' },
      { from: '10:00', to: '10:00' },
    ])
      expect(TimeWindow.safeParse(wrong).success).toBe(false);
  });
});

const time = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
  .map(([h, m]) => `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`);
const someWindow = fc
  .record({
    days: fc.uniqueArray(fc.constantFrom('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'), {
      minLength: 1,
      maxLength: 7,
    }),
    from: time,
    to: time,
    // Half an hour of summer time, quarters of an hour, days that were never, hours that come twice at midnight.
    timezone: fc.constantFrom(
      ...['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'],
      ...['Pacific/Apia', 'America/Sao_Paulo', 'Pacific/Kiritimati', 'Africa/Cairo', 'America/St_Johns'],
    ),
  })
  .filter(({ from, to }) => from !== to)
  .map((written) => TimeWindow.parse(written));
const moment = fc.integer({ min: at('2005-01-01T00:00:00Z'), max: at('2035-01-01T00:00:00Z') });

test('the next opening is open, is not before the moment, and nothing between is open', () => {
  fc.assert(
    fc.property(
      someWindow,
      moment,
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 }),
      (some, from, shares) => {
        const next = nextOpening(some, from);
        expect(next).not.toBeNull();
        if (next === null) return;
        expect(next).toBeGreaterThanOrEqual(from);
        expect(isOpen(some, next)).toBe(true);
        if (next > from) expect(isOpen(some, next - 1)).toBe(false);
        for (const share of shares) {
          const between = from + Math.floor(share * (next - from));
          if (between < next) expect(isOpen(some, between)).toBe(false);
        }
      },
    ),
    { numRuns: 400 },
  );
}, 30_000);

test('where no clocks are changed, it stays open for as long as it says', () => {
  const minutes = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  fc.assert(
    fc.property(someWindow, moment, (some, from) => {
      const steady = { ...some, timezone: 'Asia/Kathmandu' };
      const next = nextOpening(steady, from);
      if (next === null || next === from) return;
      const length = ((minutes(steady.to) - minutes(steady.from) + 1440) % 1440) * 60_000;
      expect(isOpen(steady, next + length - 1)).toBe(true);
      expect(isOpen(steady, next + length)).toBe(false);
    }),
  );
});

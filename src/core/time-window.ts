import { z } from 'zod';

const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
type Weekday = (typeof weekdays)[number];

const timeError = { error: 'expected a time such as "09:30", from "00:00" to "24:00"' };
const timePattern = /^(([01]\d|2[0-3]):[0-5]\d|24:00)$/;
const Time = z.string(timeError).regex(timePattern, timeError);
const exceptError = { error: 'expected a day such as 2026-12-24, or days such as 2026-12-24..2027-01-02' };
const datePattern = String.raw`\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])`;
const zoneError = { error: 'expected an IANA time zone such as Europe/Berlin, or UTC' };

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Times of the week at which something may happen, by the clock on the wall of a time zone. */
export const TimeWindow = z
  .strictObject({
    days: z
      .array(z.enum(weekdays))
      .min(1)
      .max(7)
      .default([...weekdays])
      .describe('On which days it begins, e.g. [mon, tue, wed, thu].'),
    from: Time.default('00:00').describe('When it begins.'),
    to: Time.default('24:00').describe(
      'When it ends; a time that is not after `from` is on the next day. The window is open up to it, not at it.',
    ),
    timezone: z
      .string(zoneError)
      .min(1, zoneError)
      .max(64, zoneError)
      .refine(isTimeZone, zoneError)
      .default('UTC')
      .describe('Whose clock it is, by its IANA name. Summer time is heeded.'),
    except: z
      .array(z.string(exceptError).regex(new RegExp(`^${datePattern}(\\.\\.${datePattern})?$`), exceptError))
      .max(1000)
      .default([])
      .describe(
        'Days on which it does not begin, e.g. [2026-12-24] or [2026-12-20..2027-01-02], both ends included.',
      ),
  })
  .refine(({ from, to }) => from !== to, { error: 'expected from and to to be different times' });
export type TimeWindow = z.infer<typeof TimeWindow>;

const dayMs = 86_400_000;
const minuteMs = 60_000;

/** What a clock on the wall shows: as milliseconds, as if its time were UTC, so that it can be reckoned with. */
type Wall = number;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timezone: string): Intl.DateTimeFormat {
  let format = formats.get(timezone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      era: 'short',
      ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
    });
    formats.set(timezone, format);
  }
  return format;
}

/** What the clock of the time zone shows at a moment. */
function wallAt(at: number, timezone: string): Wall {
  const parts = new Map(
    formatOf(timezone)
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
  return (
    Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second')) +
    (((at % 1000) + 1000) % 1000)
  );
}

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

/** How long it is open by the clock on the wall. */
const lengthMs = ({ from, to }: TimeWindow): number => {
  const minutes = minutesOf(to) - minutesOf(from);
  return (minutes > 0 ? minutes : minutes + 24 * 60) * minuteMs;
};

/** Whether it begins on the day that begins at this wall time. */
function beginsOn(window: TimeWindow, day: Wall): boolean {
  const date = new Date(day);
  const weekday: Weekday | undefined = weekdays[(date.getUTCDay() + 6) % 7];
  if (weekday === undefined || !window.days.includes(weekday)) return false;
  const text = date.toISOString().slice(0, 10);
  return !window.except.some((days) => {
    const [first = '', last = first] = days.split('..');
    return first <= text && text <= last;
  });
}

/**
 * Whether the window is open. What counts is what the clock on the wall shows: where an hour comes twice, it is open in both; where one is
 * left out, it begins when the clock first shows a later time.
 */
export function isOpen(window: TimeWindow, at: number): boolean {
  const wall = wallAt(at, window.timezone);
  const today = wall - (((wall % dayMs) + dayMs) % dayMs);
  // One that began yesterday may go on past midnight.
  return [today, today - dayMs].some((day) => {
    const begin = day + minutesOf(window.from) * minuteMs;
    return wall >= begin && wall < begin + lengthMs(window) && beginsOn(window, day);
  });
}

/** The first moment at which the clock of the zone shows this time, or a later one since it leaves this one out. */
function firstMoment(wall: Wall, timezone: string): number {
  // No zone is further from UTC than this, on either side.
  const offsets = [wall - dayMs, wall + dayMs].map((near) => wallAt(near, timezone) - near);
  const candidates = offsets.map((offset) => wall - offset).sort((a, b) => a - b);
  const exact = candidates.find((at) => wallAt(at, timezone) === wall);
  if (exact !== undefined) return exact;
  let [before = wall, after = wall] = candidates;
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (wallAt(middle, timezone) >= wall) after = middle;
    else before = middle;
  }
  return after;
}

/** Days that are looked at: a window that is open on one day of a year at least is found. */
const daysAhead = 800;

/** Where clocks are soon put back, a window that has closed may open once more: minute by minute, since that is rare. */
function openAgain(window: TimeWindow, at: number, wall: Wall): number | null {
  const soonMs = dayMs + 3 * 60 * minuteMs;
  if (wallAt(at + soonMs, window.timezone) - soonMs >= wall) return null;
  for (let then = at - (at % minuteMs) + minuteMs; then <= at + soonMs; then += minuteMs)
    if (isOpen(window, then)) return then;
  return null;
}

/** When the window is open next, at or after a moment; null if it is not for two years. */
export function nextOpening(window: TimeWindow, at: number): number | null {
  if (isOpen(window, at)) return at;
  const wall = wallAt(at, window.timezone);
  const again = openAgain(window, at, wall);
  if (again !== null) return again;
  const today = wall - (((wall % dayMs) + dayMs) % dayMs);
  for (let days = -1; days <= daysAhead; days++) {
    const day = today + days * dayMs;
    if (!beginsOn(window, day)) continue;
    const opening = firstMoment(day + minutesOf(window.from) * minuteMs, window.timezone);
    if (opening >= at && isOpen(window, opening)) return opening;
  }
  return null;
}

/** `mon to thu, 09:00 to 16:00 Europe/Berlin`. */
export function describeWindow({ days, from, to, timezone, except }: TimeWindow): string {
  const listed = weekdays.filter((day) => days.includes(day));
  const which = listed.length === 7 ? 'every day' : listed.join(', ');
  const but =
    except.length === 0
      ? ''
      : `, but not on ${except.slice(0, 3).join(', ')}${except.length > 3 ? ', …' : ''}`;
  return `${which}, ${from} to ${to} ${timezone}${but}`;
}

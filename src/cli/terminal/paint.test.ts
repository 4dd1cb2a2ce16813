import { describe, expect, test } from 'bun:test';
import { colourWanted } from './paint.ts';

const on = { noColor: false, terminal: true };
const off = { noColor: false, terminal: false };

describe('colours', () => {
  test('are there on a terminal only', () => {
    expect(colourWanted({}, on)).toBe(true);
    expect(colourWanted({}, off)).toBe(false);
    expect(colourWanted({ TERM: 'dumb' }, on)).toBe(false);
  });
  test('are left out with NO_COLOR, unless that is empty', () => {
    expect(colourWanted({ NO_COLOR: '1' }, on)).toBe(false);
    expect(colourWanted({ NO_COLOR: '' }, on)).toBe(true);
  });
  test('are forced with FORCE_COLOR, or forced away', () => {
    expect(colourWanted({ FORCE_COLOR: '1' }, off)).toBe(true);
    expect(colourWanted({ FORCE_COLOR: '0' }, on)).toBe(false);
  });
  test('are left out with --no-color and NO_COLOR whatever FORCE_COLOR says', () => {
    expect(colourWanted({ FORCE_COLOR: '1' }, { noColor: true, terminal: true })).toBe(false);
    expect(colourWanted({ FORCE_COLOR: '1', NO_COLOR: '1' }, on)).toBe(false);
  });
});

import { describe, expect, test } from 'bun:test';
import { Region } from './region.ts';
import { Screen } from './screen.ts';
import { fitted, harmless } from './text.ts';
import { table } from './table.ts';

function surface(columns: number, rows: number) {
  const size = { columns, rows };
  let written = '';
  return {
    size,
    taken: () => {
      const text = written;
      written = '';
      return text;
    },
    write: (text: string) => void (written += text),
    columns: () => size.columns,
    rows: () => size.rows,
  };
}

describe('a region', () => {
  test('draws over exactly the lines that it drew', () => {
    const on = surface(40, 10);
    const region = new Region(on);
    region.draw(['one', 'two']);
    expect(on.taken()).toBe('\x1b[?25lone\ntwo\n');
    region.draw(['three']);
    expect(on.taken()).toBe('\x1b[?25l\x1b[2A\r\x1b[Jthree\n');
  });

  test('counts the rows that the terminal has wrapped since it was made narrower', () => {
    const on = surface(40, 10);
    const region = new Region(on);
    region.draw(['x'.repeat(25), 'y']);
    on.taken();
    on.size.columns = 10;
    region.draw(['z']);
    expect(on.taken()).toContain('\x1b[4A');
  });

  test('never draws more lines than fit, and shows all of them at the end', () => {
    const on = surface(40, 3);
    const region = new Region(on);
    region.draw(['1', '2', '3', '4']);
    expect(on.taken()).toBe('\x1b[?25l3\n4\n');
    region.end(['1', '2', '3', '4']);
    expect(on.taken()).toBe('\x1b[2A\r\x1b[J1\n2\n3\n4\n\x1b[?25h');
  });
});

test('a screen gives back what was there before, once', () => {
  const on = surface(5, 2);
  const screen = new Screen(on);
  screen.draw(['a long line', 'b', 'c']);
  expect(on.taken()).toBe('\x1b[?1049h\x1b[?25l\x1b[Ha lo…\x1b[K\r\nb\x1b[K\x1b[J');
  screen.leave();
  screen.leave();
  expect(on.taken()).toBe('\x1b[?25h\x1b[?1049l');
});

test('text of programs loses what could move the cursor or forge a line', () => {
  expect(harmless('a\x1b[2Jb\x1b]0;title\x07c\rd\ne\u009b1m\tf')).toBe('abcde\tf');
});

test('a line is cut to the columns that it takes, colours not counted', () => {
  expect(fitted('\x1b[31mabcdef\x1b[39m', 4)).toContain('abc…');
  expect(fitted('abcd', 4)).toBe('abcd');
});

test('a table aligns its columns and leaves out those without a word', () => {
  const columns = [{ title: 'NAME' }, { title: 'N', align: 'right' }, { title: 'EMPTY' }] as const;
  expect(
    table(columns, [
      ['a', '10', ''],
      ['long', '2', ''],
    ]),
  ).toEqual(['NAME   N', 'a     10', 'long   2']);
});

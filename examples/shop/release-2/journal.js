import { mkdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

const tailBytes = 64 * 1024;

/**
 * Orders, one JSON line each, in `orders.ndjson` of the directory that blue and green share. A line is one append, so several
 * instances may write at once. An order that was answered is in the file: it outlives this process.
 * Without a directory the orders are in memory and end with the process.
 */
export async function openJournal(directory) {
  if (!directory) return memoryJournal();
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = await open(join(directory, 'orders.ndjson'), 'a+', 0o600);
  return {
    append: (order) => file.appendFile(`${JSON.stringify(order)}\n`),
    /** The newest orders, newest first. */
    async latest(count) {
      const { size } = await file.stat();
      const length = Math.min(size, tailBytes);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
      const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
      if (length < size) lines.shift();
      return lines
        .filter(Boolean)
        .slice(-count)
        .reverse()
        .map((line) => JSON.parse(line));
    },
    close: () => file.close(),
  };
}

function memoryJournal() {
  const orders = [];
  return {
    async append(order) {
      orders.push(order);
      if (orders.length > 1000) orders.shift();
    },
    latest: async (count) => orders.slice(-count).reverse(),
    close: async () => {},
  };
}

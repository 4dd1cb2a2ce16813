import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { get, ok, Rig, type Wire } from './rig.fixture.ts';

// The kernel copies gigabytes for clients that do not read.
setDefaultTimeout(60_000);

const each = 500;
/** More than the kernel takes in for a client that does not read. */
const large = new Uint8Array(6_000_000);
const largeHead = Buffer.from(ok('').replace('Content-Length: 0', `Content-Length: ${large.length}`));

async function origin(wire: Wire): Promise<void> {
  for (;;) {
    await wire.until(() => wire.closed || wire.text.includes('\r\n\r\n'), 'request');
    if (wire.closed) return;
    const text = wire.take();
    if (text.startsWith('GET /large')) wire.send(largeHead).send(large);
    else if (text.startsWith('GET ')) wire.send(ok('x'));
    else return;
  }
}

const kinds = {
  'that sends its head drop by drop': { first: 'GET / HTTP/1.1\r\n', drop: 'X: 1\r\n', reads: true },
  'that sends its body drop by drop': {
    first: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n',
    drop: 'x',
    reads: true,
  },
  'that does not read its response': { first: get('/large'), drop: '', reads: false },
} as const;

describe(`${each} clients, each`, () => {
  for (const [kind, { first, drop, reads }] of Object.entries(kinds))
    test(`${kind}, are closed by a limit while others are served without a failure`, async () => {
      await using rig = await Rig.start();
      const limits = { headTime: 300, bodyIdle: 300, responseIdle: 30_000, response: 30_000, rate: 1000 };
      rig.route({ blue: [rig.origin(origin).address], limits });
      const slow: Wire[] = [];
      const dripping = setInterval(() => {
        if (drop !== '') for (const wire of slow) if (!wire.ended) wire.send(drop);
      }, 20);
      let over = false;
      let served = 0;
      const load = Array.from({ length: 4 }, async () => {
        const client = await rig.connect();
        for (; !over; served++) expect((await client.send(get()).response()).status).toBe(200);
      });
      try {
        for (let n = 0; n < each; n++) {
          const wire = await rig.connect();
          wire.send(first);
          if (!reads) wire.socket.pause();
          slow.push(wire);
        }
        const closed = (): number => (reads ? (rig.refused()[408] ?? 0) : rig.side().clientClosed);
        for (let before = closed(); before < each; before = closed())
          await rig.when(() => closed() > before, 'more closed');
        expect(rig.refused()).toEqual(reads ? { 408: each } : {});
      } finally {
        clearInterval(dripping);
        over = true;
        await Promise.all(load);
        for (const wire of slow) if (!wire.closed) wire.abort();
      }
      expect(served).toBeGreaterThan(each);
      expect(rig.side().failed).toEqual({});
    });
});

import { expect, test } from 'bun:test';
import { get, ok, post, Rig, type Wire } from './rig.fixture.ts';

/** Numbers from a seed (mulberry32): a failure is replayed by its seed. */
function random(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) % below) | 0;
  };
}

/** An instance that answers rightly most times, and breaks in every way in the others. */
const moody =
  (next: (below: number) => number) =>
  async (wire: Wire): Promise<void> => {
    for (;;) {
      await wire
        .until(() => wire.closed || wire.ended || wire.text.includes('\r\n\r\n'), 'request')
        .catch(() => {});
      const end = wire.text.indexOf('\r\n\r\n') + 4;
      if (wire.closed || end < 4) return wire.closed ? undefined : wire.close();
      const length = Number(/^content-length: *(\d+)/im.exec(wire.text)?.[1] ?? 0);
      const path = wire.text.split(' ')[1]!;
      const early = next(12) === 0;
      if (!early)
        await wire.until(() => wire.closed || wire.ended || wire.received.length >= end + length, 'body');
      if (wire.closed) return;
      wire.received = wire.received.subarray(end + length);
      const body = `${path};`.repeat(1 + next(2000));
      switch (next(14)) {
        case 0:
          return wire.abort();
        case 1:
          return wire.close();
        case 2:
          wire.send(ok(body).slice(0, -3));
          return next(2) === 0 ? wire.close() : wire.abort();
        case 3:
          wire.send('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab');
          break;
        case 4:
          wire.send(`HTTP/1.1 200 OK\r\n\r\n${body}`);
          return wire.close();
        case 5:
          wire.send(`HTTP/1.1 103 Early Hints\r\n\r\n${ok(body)}`);
          break;
        case 6:
        case 7:
          wire.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n`);
          await Bun.sleep(0);
          wire.send(`${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
          break;
        case 8:
          wire.send(ok(body, 'Connection: close'));
          return wire.close();
        default:
          for (const text = ok(body), at = { n: 0 }; at.n < text.length && !wire.closed;) {
            const step = 1 + next(text.length);
            wire.send(text.slice(at.n, at.n + step));
            at.n += step;
            if (next(3) === 0) await Bun.sleep(0);
          }
      }
    }
  };

for (const seed of [1, 2, 3, 4])
  test(`in a storm of broken instances, leaving clients and switches every request has exactly one end (seed ${seed})`, async () => {
    const next = random(seed);
    await using rig = await Rig.start({ responseMs: 1000, bodyIdleMs: 1000, responseIdleMs: 1000 });
    const origins = Array.from({ length: 4 }, () => rig.origin(moody(next)));
    const [a, b, c, d] = origins.map(({ address }) => address);
    const table = (epoch: number): void =>
      rig.route({
        blue: [a!, b!],
        green: [c!, d!],
        live: epoch % 2 === 0 ? 'green' : 'blue',
        epoch,
        release: 1 + (epoch % 3),
      });
    table(1);
    let done = 0;
    const clients = Array.from({ length: 16 }, async (_, who) => {
      let client = await rig.connect();
      for (let n = 0; n < 40; n++) {
        const path = `/${who}-${n}`;
        const uploads = next(3) === 0;
        const text = uploads ? post('x'.repeat(next(3000))).replace('/write', path) : get(path);
        const leaves = next(15) === 0;
        for (let at = 0; at < text.length && !client.closed;) {
          const step = next(2) === 0 ? text.length : 1 + next(text.length);
          client.send(text.slice(at, at + step));
          at += step;
          if (at < text.length) await Bun.sleep(0);
          if (leaves && next(2) === 0) break;
        }
        if (leaves) client.abort();
        else {
          await client.until(
            () =>
              client.closed ||
              client.ended ||
              /\r\n\r\n$|;$|\n$/.test(client.text.slice(-4)) ||
              client.text.includes('chunked'),
            'an answer',
          );
          // Nobody gets another’s response.
          await client.until(
            () =>
              client.closed ||
              client.ended ||
              !client.text.includes('chunked') ||
              client.text.endsWith('0\r\n\r\n'),
            'the end of chunks',
          );
          const length = Number(/^content-length: *(\d+)/im.exec(client.text)?.[1] ?? 0);
          const head = client.text.lastIndexOf('\r\n\r\n', client.text.length - 5) + 4;
          if (length > 0)
            await client.until(
              () => client.closed || client.ended || client.text.length >= length + head,
              'the rest',
            );
          for (const other of new Set(client.text.match(/\/\d+-\d+;/g))) expect(other).toBe(`${path};`);
        }
        done++;
        // Whatever came is over: the next request on a connection of its own if this one is in doubt.
        if (client.closed || client.ended || leaves || next(2) === 0 || client.text.includes('chunked')) {
          if (!client.closed) client.abort();
          client = await rig.connect();
        } else client.take();
      }
      client.abort();
    });
    const switches = (async () => {
      for (let epoch = 2; epoch < 14; epoch++) {
        const before = done;
        await rig.when(() => done > before + 30 || done === 16 * 40, 'progress');
        rig.plane.hold();
        await Bun.sleep(1);
        table(epoch);
        rig.plane.release();
      }
    })();
    await Promise.all([...clients, switches]);
    await rig.idle();
    expect(rig.plane.inFlight()).toEqual([]);
    for (const colour of ['blue', 'green'] as const) {
      const side = rig.side(colour);
      const whole = Object.values(side.status).reduce((sum, n) => sum + n, 0);
      expect(whole + rig.failures(colour) + side.clientClosed).toBe(side.requests);
      expect(side.latency.reduce((sum, [, n]) => sum + n, 0)).toBe(whole);
    }
  }, 20_000);

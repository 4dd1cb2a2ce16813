import { describe, expect, test } from 'bun:test';
import { pingFrame } from '../http2/frame.ts';
import { http2Cases } from './http2-cases.fixture.ts';
import { Http2Wire } from './http2-wire.fixture.ts';
import { ok, Rig, type Wire } from './rig.fixture.ts';

/** Answers what is whole; never what is at `/never`. */
async function origin(wire: Wire): Promise<void> {
  for (;;) {
    await wire.until(() => wire.closed || wire.ended || wire.text.includes('\r\n\r\n'), 'request');
    const end = wire.text.indexOf('\r\n\r\n') + 4;
    if (wire.closed || end < 4) return wire.closed ? undefined : wire.close();
    const head = wire.text.slice(0, end);
    if (/^\w+ \/never/.test(head)) return;
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    const chunked = /^transfer-encoding/im.test(head);
    await wire.until(
      () => wire.closed || (chunked ? wire.text.endsWith('0\r\n\r\n') : wire.received.length >= end + length),
      'body',
    );
    wire.take();
    wire.send(ok('hello'));
  }
}

describe('a client of HTTP/2 that sends', () => {
  test.each(http2Cases.map((wire) => [`§${wire.section} ${wire.name}`, wire] as const))(
    '%s',
    async (_, { steps, expect: expected, bare = false }) => {
      await using rig = await Rig.with(origin);
      const client = await Http2Wire.open(rig, [], bare);
      for (const step of steps(client))
        if (typeof step === 'string') await client.until(step);
        else client.send(step);
      if (expected.startsWith('http/1.1')) {
        await client.wire.gone();
        expect(client.wire.text.slice(0, 12).toLowerCase()).toBe(expected);
        return;
      }
      await client.until(expected);
      if (expected.startsWith('goaway')) {
        await client.wire.gone();
        expect(client.lines.filter((line) => line.startsWith('goaway'))).toEqual([expected]);
        expect(rig.side().inFlight).toBe(0);
        return;
      }
      client.send(pingFrame(Buffer.from('the last')));
      await client.until('ping ack the last');
      expect(client.lines.filter((line) => line.startsWith('goaway'))).toEqual([]);
    },
  );
});

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

/** Byte i of a download is i modulo 251: a lost, repeated or swapped stretch shows. The pattern holds a whole number of periods. */
const pattern = Buffer.from(Array.from({ length: 251 * 256 }, (_, i) => i % 251));

/** A whole number in the query, no less than 0 and no more than `most`. */
const amount = (query, name, fallback, most) => {
  const text = query.get(name);
  const value = text === null ? fallback : Number(text);
  return Number.isInteger(value) && value >= 0 ? Math.min(value, most) : fallback;
};

const plain = (length) => ({
  'Content-Type': 'text/plain; charset=utf-8',
  ...(length === undefined ? {} : { 'Content-Length': length }),
});

/** Routes that show what happens to long and large exchanges in a switch. Each is `(request, response, query, who)`. */
export const probes = {
  /** GET /slow?ms=500: answers after that time, at most two minutes. */
  async 'GET /slow'(request, response, query, who) {
    const ms = amount(query, 'ms', 500, 120_000);
    await wait(ms);
    const body = `slow ms=${ms} release=${who.release} environment=${who.environment}\n`;
    response.writeHead(200, plain(Buffer.byteLength(body))).end(body);
  },

  /** GET /stream?chunks=10&ms=100: one line at a time, each saying who speaks; the last begins with `end`. */
  async 'GET /stream'(request, response, query, who) {
    const chunks = amount(query, 'chunks', 10, 10_000);
    const ms = amount(query, 'ms', 100, 60_000);
    const speaker = `release=${who.release} environment=${who.environment}\n`;
    response.writeHead(200, plain());
    for (let chunk = 1; chunk <= chunks && !response.destroyed; chunk++) {
      if (!response.write(`chunk ${chunk}/${chunks} ${speaker}`))
        await Promise.race([once(response, 'drain'), once(response, 'close')]);
      if (ms > 0) await wait(ms);
    }
    response.end(`end ${chunks} ${speaker}`);
  },

  /** GET /download?bytes=1000000: with Content-Length, at most 1 GiB. */
  async 'GET /download'(request, response, query) {
    let left = amount(query, 'bytes', 1_000_000, 1024 ** 3);
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': left });
    while (left > 0 && !response.destroyed) {
      const part = left < pattern.length ? pattern.subarray(0, left) : pattern;
      left -= part.length;
      if (!response.write(part)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
    response.end();
  },

  /** POST /echo: answers how many bytes came and their SHA-256. Nothing is kept, so any size will do. */
  async 'POST /echo'(request, response, query, who) {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of request) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    const body = JSON.stringify({
      bytes,
      sha256: hash.digest('hex'),
      release: who.release,
      environment: who.environment,
    });
    response
      .writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
      .end(body);
  },
};

// A program for the bench of the lifecycle: a catalogue, with whatever FLAW says is wrong with it.
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';

const flaw = process.env.FLAW ?? 'none';
const release = process.env.CUTOVER_RELEASE ?? '';
/** More requests a second than this are too many for a release that breaks in a crowd. */
const crowd = Number(process.env.CROWD ?? 0);

let answered = 0;
const arrivals = [];

/** Requests of the last second, this one included. */
function rate() {
  const now = performance.now();
  arrivals.push(now);
  while (arrivals[0] < now - 1000) arrivals.shift();
  return arrivals.length;
}

function delayMs() {
  const usual = 2 + 3 * Math.random();
  // Something is kept of each answer, and looked through for the next.
  if (flaw === 'memory') return usual + Math.min(400, answered / 8);
  if (flaw === 'tail' && Math.random() < 0.03) return usual + 150;
  return usual;
}

function answer(id) {
  const price = 100 + ((id * 37) % 900);
  // The amount in another unit: well-formed, and wrong.
  return { id, name: `item ${id}`, price: flaw === 'wrong' ? price / 100 : price, stock: id % 7 };
}

createServer((request, response) => {
  const headers = { 'content-type': 'application/json', 'x-release': release };
  if (request.url === '/health') return void response.writeHead(200, headers).end('{}');
  const id = Number(/^\/items\/(\d+)$/.exec(request.url)?.[1] ?? 0);
  const busy = rate();
  const fails =
    (flaw === 'one-in-fifty' && Math.random() < 0.02) ||
    (flaw === 'crowd' && busy > crowd && Math.random() < 0.3);
  setTimeout(() => {
    answered++;
    response.writeHead(fails ? 500 : 200, headers);
    response.end(
      JSON.stringify(fails ? { error: 'out of order' } : { ...answer(id), requestId: randomUUID() }),
    );
  }, delayMs());
}).listen(Number(process.env.PORT), process.env.HOST);

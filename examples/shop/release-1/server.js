import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { everyShare, readFault } from './faults.js';
import { openJournal } from './journal.js';
import { renderShop } from './pages.js';
import { products } from './catalogue.js';
import { probes } from './probes.js';
import { acceptWebSocket } from './websocket.js';

const { PORT = '8000', HOST = '127.0.0.1', SHOP_DATA, SHOP_WARMUP_MS = '150', SHOP_FAULT } = process.env;
const who = {
  release: process.env.CUTOVER_RELEASE ?? 'local',
  environment: process.env.CUTOVER_ENVIRONMENT ?? 'none',
};
const headers = { 'X-Shop-Release': who.release, 'X-Shop-Environment': who.environment };
const log = (message) =>
  console.log(`${new Date().toISOString()} release=${who.release} environment=${who.environment} ${message}`);

const fault = readFault(SHOP_FAULT);
if (fault.kind === 'crash-at-start') {
  console.error(
    'shop: cannot start: the configuration names a payment provider that does not exist (SHOP_FAULT)',
  );
  process.exit(1);
}
const failsNow = everyShare(fault.kind === 'error-rate' ? fault.amount : 0);

const journal = await openJournal(SHOP_DATA);
const shop = renderShop(who);
const maxOrderBytes = 16 * 1024;
let warm = false;
let stopping = false;

const send = (response, status, type, body, extra = {}) =>
  response
    .writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), ...extra })
    .end(body);
const pathOf = (url) => url.split('?', 1)[0];
const json = (response, status, value) => send(response, status, 'application/json', JSON.stringify(value));
const html = (response, status, page) =>
  send(response, status, 'text/html; charset=utf-8', fault.kind === 'wrong-content' ? '' : page);

/** The body as text; null if it is longer than an order can be. */
async function readOrderText(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > maxOrderBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** The order that a client sent, or a sentence that says what is wrong with it. */
function readOrder(text) {
  let sent;
  try {
    sent = JSON.parse(text);
  } catch (error) {
    return `expected JSON: ${error.message}`;
  }
  const { id = randomUUID(), product, quantity = 1 } = sent ?? {};
  if (typeof id !== 'string' || !/^[A-Za-z0-9-]{1,80}$/.test(id))
    return 'expected id: up to 80 letters, digits and dashes';
  if (!products.some((one) => one.id === product))
    return `expected product: one of ${products.map((one) => one.id).join(', ')}`;
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > 1000) return 'expected quantity: 1 to 1000';
  return { id, product, quantity };
}

const routes = {
  ...probes,
  'GET /health': (request, response) => {
    const healthy = warm && !stopping && fault.kind !== 'never-healthy';
    json(response, healthy ? 200 : 503, {
      healthy,
      reason: healthy ? null : stopping ? 'stopping' : 'warming up',
      ...who,
    });
  },
  'GET /style.css': (request, response) => send(response, 200, 'text/css; charset=utf-8', shop.style),
  'GET /products': (request, response, query) => html(response, 200, shop.products(query)),
  'GET /orders': async (request, response) => html(response, 200, shop.orders(await journal.latest(20))),
  'GET /orders.json': async (request, response) => json(response, 200, { orders: await journal.latest(20) }),
  'POST /orders': async (request, response) => {
    const text = await readOrderText(request);
    if (text === null)
      return send(response, 413, 'text/plain', `expected at most ${maxOrderBytes} bytes\n`, {
        Connection: 'close',
      });
    const order = readOrder(text);
    if (typeof order === 'string') return json(response, 400, { error: order });
    await journal.append({ ...order, ...who, at: Date.now() });
    json(response, 201, { ...order, ...who });
  },
};
for (const [path, page] of shop.pages)
  routes[`GET ${path}`] = (request, response) => html(response, 200, page);

async function answer(request, response) {
  response.setHeader('X-Shop-Release', who.release);
  response.setHeader('X-Shop-Environment', who.environment);
  if (stopping) response.setHeader('Connection', 'close');
  const path = pathOf(request.url);
  const query = new URLSearchParams(request.url.slice(path.length));
  if (path !== '/health') {
    if (failsNow()) return send(response, 500, 'text/plain', 'a failure on purpose (SHOP_FAULT)\n');
    if (fault.kind === 'slow') await wait(400);
  }
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const route = Object.hasOwn(routes, `${method} ${path}`) ? routes[`${method} ${path}`] : undefined;
  if (route) return route(request, response, query, who);
  const allowed = ['GET', 'POST'].filter((one) => Object.hasOwn(routes, `${one} ${path}`));
  if (allowed.length > 0)
    return send(response, 405, 'text/plain', `expected ${allowed.join(' or ')}\n`, {
      Allow: allowed.join(', '),
    });
  html(response, 404, shop.notFound);
}

const server = createServer((request, response) => {
  // The last answers on kept connections are sent: what is idle now would keep the program alive.
  response.on('close', () => stopping && setImmediate(() => server.closeIdleConnections()));
  answer(request, response).catch((error) => {
    // The client went away in the middle of its upload: there is nobody to answer.
    if (request.destroyed && !request.complete) return;
    log(`${request.method} ${request.url} failed: ${error.stack}`);
    if (response.headersSent) response.destroy();
    else send(response, 500, 'text/plain', 'an internal error\n');
  });
});
// Longer than a proxy keeps its idle connections: whoever closes a kept connection should not be the one who gets requests on it.
server.keepAliveTimeout = 75_000;

const webSockets = new Set();
server.on('upgrade', (request, socket, head) => {
  const path = pathOf(request.url);
  socket.on('error', () => socket.destroy());
  if (
    stopping ||
    (path !== '/ws' && path !== '/ws/clock') ||
    request.headers.upgrade?.toLowerCase() !== 'websocket'
  ) {
    socket.end(
      `HTTP/1.1 ${stopping ? '503 Service Unavailable' : '404 Not Found'}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    return;
  }
  const connection = acceptWebSocket(request, socket, head, headers);
  if (!connection) return;
  webSockets.add(connection);
  const tick = () => connection.send(JSON.stringify({ ...who, now: Date.now() }), true);
  const clock = path === '/ws/clock' ? setInterval(tick, 1000) : undefined;
  if (clock) tick();
  else connection.onMessage = (payload, isText) => connection.send(payload, isText);
  connection.onClose = () => {
    clearInterval(clock);
    webSockets.delete(connection);
    if (stopping) server.closeIdleConnections();
  };
  connection.start(head);
});

/** Accepts no more, finishes what has begun, and ends when the last connection has. */
function stop(signal) {
  if (stopping) return;
  stopping = true;
  log(`${signal}: finishing what has begun`);
  server.close(() => {
    log('stopped');
    void journal.close().then(() => process.exit(0));
  });
  for (const connection of webSockets) connection.close(1001, 'this release is going away');
}
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () =>
    fault.kind === 'ignore-sigterm' ? log(`${signal}: ignored (SHOP_FAULT)`) : stop(signal),
  );
}

server.on('error', (error) => {
  console.error(`shop: cannot listen on ${HOST}:${PORT}: ${error.message}`);
  process.exit(1);
});
server.listen({ host: HOST, port: fault.kind === 'wrong-port' ? 0 : Number(PORT) }, () => {
  const { address, port } = server.address();
  log(`listening on http://${address}:${port}`);
  setTimeout(() => {
    warm = true;
    log('warm');
  }, Number(SHOP_WARMUP_MS));
  if (fault.kind === 'exit-after-ms') {
    setTimeout(() => {
      console.error('shop: ending on purpose (SHOP_FAULT)');
      process.exit(1);
    }, fault.amount);
  }
});

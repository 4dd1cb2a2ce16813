import { readFileSync } from 'node:fs';
import { kinds, products } from './catalogue.js';

const style = readFileSync(new URL('./style.css', import.meta.url), 'utf8');
const escape = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
const money = (cents) => `€ ${(cents / 100).toFixed(2)}`;

const card = (product) => `<a class="card" href="/products/${product.id}">
  <span class="tin" style="--tint:${product.tint}"></span>
  <small>${product.kind}</small><b>${product.name}</b><span>${product.taste}</span><i>${money(product.price)}</i>
</a>`;

/** All pages of one release in one environment. Those that never change are made once. */
export function renderShop(who) {
  /** The last line names path, release and environment: whoever reads it knows that the page is whole and from one side. */
  const page = (path, title, body) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Kettle & Leaf</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css">
</head>
<body>
<header>
  <a class="brand" href="/">Kettle & Leaf</a>
  <nav><a href="/products">Teas</a><a href="/orders">Orders</a><a href="/live">Live</a></nav>
  <span class="side ${escape(who.environment)}">${escape(who.environment)} · release ${escape(who.release)}</span>
</header>
<main>
${body}
</main>
<footer>Kettle & Leaf 2.0. An example for Cutover.</footer>
</body>
</html>
<!-- end path=${path} release=${escape(who.release)} environment=${escape(who.environment)} -->
`;

  const pages = new Map();
  pages.set(
    '/',
    page(
      '/',
      'Welcome',
      `<section class="hero"><h1>Tea,<br>by the hour.</h1>
<p>Eight teas: black for the morning, green for noon, herbs for the night.</p><a class="button" href="/products">See the teas</a></section>
<section class="grid">${products.slice(0, 3).map(card).join('\n')}</section>`,
    ),
  );
  for (const product of products) {
    const path = `/products/${product.id}`;
    pages.set(path, page(path, product.name, productBody(product)));
  }
  pages.set('/live', page('/live', 'Live', liveBody));
  const lists = new Map(
    [undefined, ...kinds].map((kind) => [kind, page('/products', 'Teas', listBody(kind))]),
  );

  return {
    style,
    pages,
    /** `?kind=` shows one kind of tea; any other value shows all of them. */
    products: (query) => lists.get(query.get('kind') ?? undefined) ?? lists.get(undefined),
    orders: (orders) => page('/orders', 'Orders', ordersBody(orders)),
    notFound: page(
      '404',
      'Not found',
      '<h1>There is no such page.</h1><p><a href="/">Back to the shop</a></p>',
    ),
  };
}

/** New in this release: the list can be narrowed to one kind. */
const listBody = (kind) => `<h1>Our teas</h1>
<p class="kinds">${[undefined, ...kinds]
  .map(
    (one) =>
      `<a href="/products${one ? `?kind=${one}` : ''}"${one === kind ? ' class="chosen"' : ''}>${one ?? 'all'}</a>`,
  )
  .join('')}</p>
<section class="grid">${products
  .filter((product) => !kind || product.kind === kind)
  .map(card)
  .join('\n')}</section>`;

const productBody = (
  product,
) => `<section class="product"><span class="tin large" style="--tint:${product.tint}"></span>
<div><h1>${product.name}</h1><p>${product.taste}</p><p class="price">${money(product.price)} <small>100 g</small></p>
<form id="order"><label>Tins <input name="quantity" type="number" min="1" max="1000" value="1"></label> <button class="button">Order</button></form>
<p id="answer" role="status"></p></div></section>
<script type="module">
const answer = document.querySelector('#answer');
document.querySelector('#order').addEventListener('submit', async (event) => {
  event.preventDefault();
  const quantity = Number(new FormData(event.target).get('quantity'));
  const response = await fetch('/orders', { method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ product: '${product.id}', quantity }) });
  const order = await response.json();
  answer.textContent = response.ok ? 'Thank you. Order ' + order.id + ' was taken by ' + order.environment + '.' : order.error;
});
</script>`;

const ordersBody = (orders) => `<h1>Latest orders</h1>
${
  orders.length === 0
    ? '<p>None yet. <a href="/products">Be the first.</a></p>'
    : `<table><tr><th>When</th><th>Order</th><th>Tea</th><th>Tins</th><th>Taken by</th></tr>
${orders
  .map(
    (
      order,
    ) => `<tr><td>${new Date(order.at).toISOString().slice(11, 19)}</td><td><code>${escape(order.id)}</code></td><td>${escape(order.product)}</td>
<td>${escape(order.quantity)}</td><td><span class="side ${escape(order.environment)}">${escape(order.environment)} · ${escape(order.release)}</span></td></tr>`,
  )
  .join('\n')}</table>`
}`;

const liveBody = `<h1>Live</h1><p>A WebSocket stays on the side where it was opened, and comes back on the new one when that side goes.</p>
<p id="clock">…</p><ul id="log"></ul>
<form id="chat"><input name="text" placeholder="Say something; the shop says it back" autocomplete="off"><button class="button">Send</button></form>
<script type="module">
const log = (text) => { const line = document.createElement('li'); line.textContent = text; document.querySelector('#log').prepend(line); };
const open = (path, onMessage, name) => {
  const socket = new WebSocket(location.origin.replace('http', 'ws') + path);
  socket.onmessage = (event) => onMessage(event.data);
  socket.onclose = (event) => { log(name + ' closed with ' + event.code + '; opening it again'); setTimeout(() => open(path, onMessage, name), 250); };
  current[path] = socket;
};
const current = {};
let side = '';
open('/ws/clock', (data) => {
  const { environment, release, now } = JSON.parse(data);
  document.querySelector('#clock').textContent = new Date(now).toLocaleTimeString() + ' from ' + environment + ', release ' + release;
  if (side && side !== environment) log('moved from ' + side + ' to ' + environment);
  side = environment;
}, 'clock');
open('/ws', (data) => log('shop: ' + data), 'chat');
document.querySelector('#chat').addEventListener('submit', (event) => {
  event.preventDefault();
  const { text } = event.target;
  if (text.value && current['/ws'].readyState === 1) { log('you: ' + text.value); current['/ws'].send(text.value); text.value = ''; }
});
</script>`;

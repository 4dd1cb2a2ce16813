/** The parts of an address that a request is made from. */
export interface Destination {
  readonly secure: boolean;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** The path with its query. */
  readonly target: string;
  /** `user:password`, if the address has them. */
  readonly credentials: string | null;
}

/** Reads an address; text: why it is none. */
export function destinationOf(url: string): Destination | string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return 'expected an address such as https://hooks.example/deployed, found something else';
  }
  const secure = parsed.protocol === 'https:';
  if (!secure && parsed.protocol !== 'http:')
    return `expected an address of http or https, found one of ${parsed.protocol.slice(0, -1)}`;
  const port = parsed.port === '' ? (secure ? 443 : 80) : Number(parsed.port);
  if (port === 0) return 'expected a port from 1 to 65535, found 0';
  const user = decoded(parsed.username);
  const password = decoded(parsed.password);
  if (user === null || password === null)
    return 'expected a user and password in percent-encoding, found something else';
  return {
    secure,
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port,
    target: `${parsed.pathname}${parsed.search}`,
    credentials: user === '' && password === '' ? null : `${user}:${password}`,
  };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** What a user may not set: how a message is framed, where it goes, and what names and signs it, is ours to say. */
const ours = new Set([
  'connection',
  'content-length',
  'host',
  'idempotency-key',
  'transfer-encoding',
  'upgrade',
  'webhook-id',
  'webhook-signature',
  'webhook-timestamp',
]);

/** The request, one on its own connection. */
export function renderPost(
  { secure, host, port, target, credentials }: Destination,
  headers: Readonly<Record<string, string>>,
  signed: Readonly<Record<string, string>>,
  body: string,
): Buffer {
  const name = host.includes(':') ? `[${host}]` : host;
  const given = Object.entries(headers).filter(([key]) => !ours.has(key.toLowerCase()));
  const isGiven = new Set(given.map(([key]) => key.toLowerCase()));
  const bytes = Buffer.from(body);
  const fields = [
    ['Host', port === (secure ? 443 : 80) ? name : `${name}:${port}`],
    ...[
      ['User-Agent', 'cutover-webhook'],
      ['Accept', '*/*'],
      ['Accept-Encoding', 'identity'],
      ['Content-Type', 'application/json'],
      ...(credentials === null
        ? []
        : [['Authorization', `Basic ${Buffer.from(credentials).toString('base64')}`]]),
    ].filter(([key = '']) => !isGiven.has(key.toLowerCase())),
    ...given,
    ...Object.entries(signed),
    ['Content-Length', String(bytes.length)],
    ['Connection', 'close'],
  ];
  const head = `POST ${target} HTTP/1.1\r\n${fields.map(([key, value]) => `${key}: ${value}\r\n`).join('')}\r\n`;
  return Buffer.concat([Buffer.from(head), bytes]);
}

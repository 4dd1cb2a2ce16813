import type { Account, SpanIds } from './account.ts';

/** A value of an attribute in OTLP's JSON (opentelemetry-proto, common.proto): 64-bit integers are text. */
type Value = { readonly stringValue: string } | { readonly intValue: string };
export interface Attribute {
  readonly key: string;
  readonly value: Value;
}

/** A span in OTLP's JSON (trace.proto); ids are hexadecimal there, not base64. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: 2 | 3;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  /** Code 2: an error. */
  readonly status: { readonly code?: 2 };
}

const knownMethods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];
const longestText = 2048;

const nanos = (ms: number): string => String(BigInt(Math.round(ms * 1000)) * 1000n);

function attributes(values: Readonly<Record<string, string | number | null>>): Attribute[] {
  return Object.entries(values).flatMap(([key, value]): Attribute[] =>
    value === null
      ? []
      : typeof value === 'number'
        ? [{ key, value: { intValue: String(value) } }]
        : [{ key, value: { stringValue: value.slice(0, longestText).toWellFormed() } }],
  );
}

/** `shop.example:8080` or `[::1]:8080` in its two parts. */
function hostAndPort(host: string | null): { host: string | null; port: number | null } {
  const [, name = '', port] = /^(.*?)(?::(\d{1,5}))?$/.exec(host ?? '') ?? [];
  return { host: name === '' ? null : name, port: port === undefined ? null : Number(port) };
}

/**
 * The spans of one request: what we did for the client (kind server), and what the instance did for us (kind client), if it was asked. Names and
 * attributes by the semantic conventions for HTTP (stable since 1.23). The query is not told: tokens travel in it.
 */
export function spansOf(account: Account, ids: SpanIds): Span[] {
  const words = account.text;
  const { method, path, version, host } = words.words();
  const { time, durationMs, askedMs, instance, client, place, status } = account;
  const known = method !== null && knownMethods.includes(method);
  const name = known ? method : 'HTTP';
  const end = time + durationMs;
  const shared = {
    'http.request.method': known ? method : '_OTHER',
    'http.request.method_original': known ? null : method,
    'http.response.status_code': status === 0 ? null : status,
    'network.protocol.version': client.multiplexed ? '2' : version,
  };
  const wrong = account.cause ?? (status >= 500 ? String(status) : null);
  const asked = hostAndPort(host);
  const common = {
    traceId: ids.trace,
    ...(ids.state === null ? {} : { traceState: ids.state }),
    name,
    endTimeUnixNano: nanos(end),
  };
  const server: Span = {
    ...common,
    spanId: ids.server,
    ...(ids.parent === null ? {} : { parentSpanId: ids.parent }),
    // The parent, if there is one, is in another process (trace.proto, SpanFlags).
    flags: 0x101 | (ids.parent === null ? 0 : 0x200),
    kind: 2,
    startTimeUnixNano: nanos(time),
    attributes: attributes({
      ...shared,
      'error.type': wrong,
      'url.scheme': client.tls === null ? 'http' : 'https',
      'url.path': path,
      'server.address': asked.host,
      'server.port': asked.port,
      'client.address': client.address,
      'user_agent.original': words.field('user-agent'),
      'cutover.service': place.service,
      'cutover.environment': place.environment,
      'cutover.release': place.release,
      'cutover.request_id': account.requestId,
    }),
    status: status >= 500 || (account.cause !== null && account.cause !== 'client-closed') ? { code: 2 } : {},
  };
  if (instance === null || askedMs < 0) return [server];
  const bad = wrong ?? (status >= 400 ? String(status) : null);
  const upstream: Span = {
    ...common,
    spanId: ids.client,
    parentSpanId: ids.server,
    flags: 0x101,
    kind: 3,
    startTimeUnixNano: nanos(time + askedMs),
    attributes: attributes({
      ...shared,
      'network.protocol.version': place.upstream.h2 ? '2' : '1.1',
      'error.type': bad,
      'url.full': `${place.upstream.tls ? 'https' : 'http'}://${instance.host.includes(':') ? `[${instance.host}]` : instance.host}:${instance.port}${path ?? ''}`,
      'server.address': instance.host,
      'server.port': instance.port,
      'http.request.resend_count': account.attempts > 1 ? account.attempts - 1 : null,
    }),
    status: bad === null ? {} : { code: 2 },
  };
  return [server, upstream];
}

import { converse, describeFailure } from '../../checks/connection.ts';
import { ResponseReader } from '../../checks/http-response.ts';
import { secureOptions } from '../../checks/secure.ts';
import { type Address, formatAddress } from '../../core/address.ts';
import type { RouteUpstream } from '../../core/upstream.ts';
import type { Clock } from '../../ports/clock.ts';

/** Where the endpoints are. */
export interface Place {
  readonly address: Address;
  readonly upstream: RouteUpstream | undefined;
  /** What stands before each path, without a slash at its end. */
  readonly prefix: string;
}

export interface Said {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface AskOptions {
  readonly method?: string;
  readonly token?: string | undefined;
  /** Default: 1.1. In 1.0 no host is named, as HAProxy does by default. */
  readonly version?: '1.0' | '1.1';
}

/** One request on a connection of its own, byte by byte as a balancer sends it. A text: why there is no answer. */
export async function ask(
  clock: Clock,
  { address, upstream, prefix }: Place,
  path: string,
  timeoutMs: number,
  { method = 'GET', token, version = '1.1' }: AskOptions = {},
): Promise<Said | string> {
  const secure = await secureOptions(upstream, address);
  if (typeof secure === 'string') return secure;
  const request = [
    `${method} ${prefix}${path} HTTP/${version}`,
    ...(version === '1.1' ? [`Host: ${formatAddress(address)}`, 'Connection: close'] : []),
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ...(method === 'POST' ? ['Content-Length: 0'] : []),
  ];
  const reader = new ResponseReader(method === 'HEAD');
  const result = await converse<{ kind: 'over' }>(
    clock,
    address,
    timeoutMs,
    undefined,
    {
      connected: (socket) => void socket.write(`${request.join('\r\n')}\r\n\r\n`),
      data: (chunk, finish) => {
        const { phase } = reader.push(chunk);
        if (phase !== 'head' && phase !== 'body') finish({ kind: 'over' });
      },
      end: (finish) => {
        reader.end();
        finish({ kind: 'over' });
      },
    },
    secure,
  );
  if (result.kind !== 'over') return describeFailure(result, address, timeoutMs);
  const { state } = reader;
  if (state.phase === 'invalid') return `expected an HTTP answer, found ${state.why}`;
  if (!('status' in state)) return 'no answer';
  return { status: state.status, headers: reader.headers, body: reader.body.toString('utf8') };
}

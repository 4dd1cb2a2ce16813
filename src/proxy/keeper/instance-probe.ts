import { formatAddress, type Address } from '../../core/address.ts';
import type { InstanceProbe } from '../../core/instance-policy.ts';

const statusLine = /^HTTP\/1\.[01] ([1-5]\d\d)/;
const statusBytes = 12;

function requestText({ method, path, headers }: NonNullable<InstanceProbe['http']>, host: string): string {
  const named = Object.keys(headers).some((name) => name.toLowerCase() === 'host');
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  if (!named) lines.unshift(`Host: ${host}`);
  return `${[`${method} ${path} HTTP/1.1`, ...lines, 'User-Agent: cutover-proxy', 'Connection: close'].join('\r\n')}\r\n\r\n`;
}

/**
 * Checks an instance once, over a connection of its own: it takes the connection and, if the probe asks by HTTP, its answer
 * begins with a good status. What follows the status is not read. Never rejects; false also after `timeoutMs`.
 */
export function probeInstance({ host, port }: Address, { http, timeoutMs }: InstanceProbe): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let read = '';
  const timer = setTimeout(() => resolve(false), timeoutMs);
  const connecting = Promise.try(() =>
    Bun.connect({
      hostname: host,
      port,
      socket: {
        open(socket) {
          if (http === null) resolve(true);
          else socket.write(requestText(http, formatAddress({ host, port })));
        },
        data(_socket, bytes) {
          if (http === null) return;
          read += bytes.subarray(0, statusBytes - read.length).toString('latin1');
          if (read.length < statusBytes) return;
          const status = Number(statusLine.exec(read)?.[1] ?? 0);
          resolve(status >= http.from && status <= http.to);
        },
        close: () => resolve(false),
        error: () => resolve(false),
        connectError: () => resolve(false),
      },
    }),
  );
  const closed = connecting.then(
    (socket) => promise.then(() => void socket.terminate()),
    () => resolve(false),
  );
  return promise.finally(() => {
    clearTimeout(timer);
    void closed;
  });
}

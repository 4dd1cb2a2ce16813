import { formatAddress, type Address } from '../../src/core/address.ts';

export interface LoadResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
}

export interface LoadTool {
  readonly name: string;
  /** Keep-alive GETs over so many connections; throws if any request failed. */
  run(address: Address, connections: number, seconds: number, signal: AbortSignal): Promise<LoadResult>;
}

const unitMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };

function milliseconds(text: string | undefined): number {
  const match = /^([\d.]+)(us|ms|s)$/.exec(text ?? '');
  return Number(match?.[1]) * (unitMs[match?.[2] ?? ''] ?? NaN);
}

async function output(command: readonly string[], signal: AbortSignal): Promise<string> {
  const child = Bun.spawn([...command], { stdio: ['ignore', 'pipe', 'inherit'], signal });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0)
    throw new Error(`${command.join(' ')} ended with ${child.exitCode ?? child.signalCode}`);
  return text;
}

const wrk = (path: string): LoadTool => ({
  name: 'wrk',
  async run(address, connections, seconds, signal) {
    const url = `http://${formatAddress(address)}/`;
    const text = await output([path, '-t1', `-c${connections}`, `-d${seconds}s`, '--latency', url], signal);
    if (/Socket errors|Non-2xx/.test(text)) throw new Error(`requests to ${url} failed:\n${text}`);
    const [, requests = '0', elapsed] = /(\d+) requests in ([\d.]+\w+),/.exec(text) ?? [];
    const [, p99] = /99%\s+([\d.]+\w+)/.exec(text) ?? [];
    return {
      requests: Number(requests),
      requestsPerSecond: Number(requests) / (milliseconds(elapsed) / 1000),
      p99Ms: milliseconds(p99),
    };
  },
});

const h2load = (path: string): LoadTool => ({
  name: 'h2load',
  async run(address, connections, seconds, signal) {
    const url = `http://${formatAddress(address)}/`;
    const text = await output([path, '--h1', '-t1', `-c${connections}`, '-D', String(seconds), url], signal);
    const [, done = '0', failed = '0'] = /(\d+) succeeded, (\d+) failed/.exec(text) ?? [];
    if (failed !== '0') throw new Error(`requests to ${url} failed:\n${text}`);
    // It prints no percentiles without a log; the longest is the nearest that it says.
    const [, longest] = /time for request:\s+\S+\s+(\S+)/.exec(text) ?? [];
    return {
      requests: Number(done),
      requestsPerSecond: Number(done) / seconds,
      p99Ms: milliseconds(longest),
    };
  },
});

const endOfHead = '\r\n\r\n';

/** For machines without a load tool. It takes more of the machine than they do, so the rates are lower. */
const own: LoadTool = {
  name: 'own load',
  async run(address, connections, seconds, signal) {
    const latencies: number[] = [];
    const request = `GET / HTTP/1.1\r\nHost: ${formatAddress(address)}\r\n\r\n`;
    const end = performance.now() + seconds * 1000;
    const one = (): Promise<void> => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      let received = 0;
      let expected = 0;
      let sentAt = 0;
      Bun.connect({
        hostname: address.host,
        port: address.port,
        socket: {
          open(socket) {
            sentAt = performance.now();
            socket.write(request);
          },
          data(socket, bytes) {
            if (received === 0) {
              const text = bytes.toString('latin1');
              const head = text.indexOf(endOfHead);
              const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
              if (!text.startsWith('HTTP/1.1 200') || head < 0 || length === undefined) {
                socket.end();
                return reject(new Error(`an answer that is not 200 with a length: ${text.slice(0, 200)}`));
              }
              expected = head + endOfHead.length + Number(length);
            }
            received += bytes.length;
            if (received < expected) return;
            received = 0;
            const now = performance.now();
            latencies.push(now - sentAt);
            if (now >= end || signal.aborted) {
              socket.end();
              return resolve();
            }
            sentAt = now;
            socket.write(request);
          },
          close: () => reject(new Error(`a connection to ${formatAddress(address)} was closed`)),
          error: (_socket, error) => reject(error),
        },
      }).catch(reject);
      return promise;
    };
    await Promise.all(Array.from({ length: connections }, one));
    latencies.sort((a, b) => a - b);
    return {
      requests: latencies.length,
      requestsPerSecond: latencies.length / seconds,
      p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? NaN,
    };
  },
};

/** wrk if it is here, else h2load, else our own. */
export function loadTool(): LoadTool {
  const wrkPath = Bun.which('wrk');
  if (wrkPath) return wrk(wrkPath);
  const h2loadPath = Bun.which('h2load');
  return h2loadPath ? h2load(h2loadPath) : own;
}

import { formatAddress, type Address } from '../../core/address.ts';
import type { InstanceProbe } from '../../core/instance-policy.ts';
import { ownHeader, type ProxyVersion } from '../../core/proxy-header.ts';
import type { Dialled, Dialer } from '../upstream/dialer.ts';
import type { InstanceSession } from '../upstream/instance-session.ts';
import { InstanceSessions, type StreamSeeker } from '../upstream/instance-sessions.ts';

/** What it is asked on: a connection, or a stream of one. */
interface Line {
  write(bytes: Uint8Array, from: number, length: number): number;
  terminate(): void;
}

const statusLine = /^HTTP\/1\.[01] ([1-5]\d\d)/;
const statusBytes = 12;

function requestText({ method, path, headers }: NonNullable<InstanceProbe['http']>, host: string): string {
  const named = Object.keys(headers).some((name) => name.toLowerCase() === 'host');
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  if (!named) lines.unshift(`Host: ${host}`);
  return `${[`${method} ${path} HTTP/1.1`, ...lines, 'User-Agent: cutover-proxy', 'Connection: close'].join('\r\n')}\r\n\r\n`;
}

/** One question on a connection of its own. */
class Question implements Dialled, StreamSeeker {
  readonly greeting: Uint8Array | null;
  reused = false;
  private line: Line | null = null;
  private over = false;
  private read = '';

  constructor(
    private readonly address: Address,
    private readonly http: InstanceProbe['http'],
    sendProxy: ProxyVersion | null,
    private readonly answered: (good: boolean) => void,
  ) {
    this.greeting = sendProxy === null ? null : ownHeader(sendProxy);
  }

  /** Ends it, whatever came of it; the connection is closed. */
  end(good: boolean): void {
    if (this.over) return;
    this.over = true;
    this.line?.terminate();
    this.answered(good);
  }
  get isClosed(): boolean {
    return this.over;
  }

  onConnecting(line: Line): void {
    this.line = line;
    if (this.over) line.terminate();
  }
  onOpen(line: Line): void {
    this.onConnecting(line);
    if (this.over) return;
    if (this.http === null) return this.end(true);
    const request = Buffer.from(requestText(this.http, formatAddress(this.address)), 'latin1');
    line.write(request, 0, request.length);
  }
  onData(bytes: Uint8Array): void {
    if (this.over || this.http === null) return;
    this.read += Buffer.from(bytes.subarray(0, statusBytes - this.read.length)).toString('latin1');
    if (this.read.length < statusBytes) return;
    const status = Number(statusLine.exec(this.read)?.[1] ?? 0);
    this.end(status >= this.http.from && status <= this.http.to);
  }
  onRefused(): void {
    this.end(false);
  }
  onClose(): void {
    this.end(false);
  }
  onEnd(): void {
    this.end(false);
  }
  onUnprocessed(): void {
    this.end(false);
  }
  onInvalid(): void {
    this.end(false);
  }
  onAlert(): void {
    this.end(false);
  }
  onDefect(): void {
    this.end(false);
  }
  onDrain(): void {}
}

/**
 * Checks an instance once, over a connection of its own: it takes the connection, over TLS with a certificate that is trusted, speaks HTTP/2 if that is
 * what it is spoken to, and if the probe asks by HTTP, its answer begins with a good status. What follows the status is not read. Never rejects; false
 * also after `timeoutMs`.
 */
export function probeInstance(
  address: Address,
  { http, timeoutMs }: InstanceProbe,
  dialer: Dialer,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const question = new Question(address, http, dialer.sendProxy, resolve);
  const timer = setTimeout(() => question.end(false), timeoutMs);
  const alive = new Set<InstanceSession>();
  if (dialer.protocol === 'h2') {
    const host = {
      now: () => performance.now(),
      onDefect: () => question.end(false),
      connectMs: timeoutMs,
      idleMs: 0,
      alive,
    };
    new InstanceSessions(host, address, dialer).connect(question);
  } else dialer.dial(address, question);
  return promise.finally(() => {
    clearTimeout(timer);
    for (const session of alive) session.destroy();
  });
}

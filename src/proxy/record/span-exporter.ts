import { readFile } from 'node:fs/promises';
import type { RouteOtlp } from '../../core/tracing.ts';
import type { ToldCounters } from '../../core/traffic.ts';
import type { Account } from './account.ts';
import { type Span, spansOf } from './span.ts';

/** Requests whose spans wait at most; the next ones are dropped and counted. */
const mostWaiting = 2048;
const batchRequests = 256;
const gatherMs = 1000;
const answerMs = 10_000;
const firstPauseMs = 500;
const longestPauseMs = 30_000;
const mostTries = 6;
/** Statuses after which the same batch may be sent again (OTLP specification, "OTLP/HTTP Response"). */
const passing = [429, 502, 503, 504];

type Told = { -readonly [K in keyof ToldCounters]: number };
interface Waiting {
  readonly spans: readonly Span[];
  readonly told: Told;
}

/** Where traces are taken by a collector at this URL. */
export function tracesUrl(endpoint: string): string {
  const url = new URL(endpoint);
  if (url.pathname === '/') url.pathname = '/v1/traces';
  return url.href;
}

/** Headers by lines `Name: value`; empty lines, and those that begin with `#`, say nothing. Throws an `Error` that tells the number of the line and not what is in it. */
export function parseHeaders(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return;
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\t]*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined || value === undefined)
      throw new Error(`line ${index + 1}: expected Name: value, found something else`);
    headers[name] = value;
  });
  return headers;
}

/**
 * Sends spans to a collector by OTLP over HTTP, in JSON: in batches, one at a time, the same again after a failure that may pass. No request waits for it.
 */
export class SpanExporter {
  private queue: Waiting[] = [];
  private timer: Timer | undefined;
  private under: Promise<void> | null = null;
  private problem: string | null = null;
  private readonly ended = new AbortController();

  constructor(
    readonly otlp: RouteOtlp,
    /** Told once of each kind of trouble, and when it is over. */
    private readonly log: (line: string) => void,
    private readonly sleep: (ms: number) => Promise<void> = (ms) => Bun.sleep(ms),
  ) {}

  push(account: Account, told: Told): void {
    if (account.spans === null) return;
    const spans = spansOf(account, account.spans);
    if (this.queue.length >= mostWaiting) {
      told.spansDropped += spans.length;
      return;
    }
    this.queue.push({ spans, told });
    if (this.under !== null) return;
    if (this.queue.length >= batchRequests) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), gatherMs);
  }

  /** Sends what waits, for at most so long. */
  async close(withinMs: number): Promise<void> {
    const end = performance.now() + withinMs;
    this.flush();
    while (this.under !== null) {
      const left = end - performance.now();
      if (left <= 0) break;
      await Promise.race([this.under, Bun.sleep(left)]);
      this.flush();
    }
    clearTimeout(this.timer);
    this.ended.abort();
    for (const { spans, told } of this.queue.splice(0)) told.spansDropped += spans.length;
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.under !== null || this.queue.length === 0) return;
    const batch = this.queue.splice(0, batchRequests);
    this.under = this.send(batch).then(() => {
      this.under = null;
      if (this.queue.length >= batchRequests) this.flush();
      else if (this.queue.length > 0) this.timer ??= setTimeout(() => this.flush(), gatherMs);
    });
  }

  private async send(batch: readonly Waiting[]): Promise<void> {
    const body = JSON.stringify({
      resourceSpans: [
        {
          resource: {
            attributes: [
              { key: 'service.name', value: { stringValue: this.otlp.serviceName } },
              { key: 'service.instance.id', value: { stringValue: `worker-${process.pid}` } },
            ],
          },
          scopeSpans: [{ scope: { name: 'cutover.proxy' }, spans: batch.flatMap(({ spans }) => spans) }],
        },
      ],
    });
    let pauseMs = firstPauseMs;
    for (let tries = 1; ; tries++) {
      const { sent, again, why, waitMs } = await this.post(body);
      this.tell(sent ? null : why);
      if (sent || !again || tries === mostTries || this.ended.signal.aborted) {
        for (const { spans, told } of batch)
          if (sent) told.spans += spans.length;
          else told.spansDropped += spans.length;
        return;
      }
      // Many workers, and many proxies, ask the same collector: they do not come back all at once.
      await this.sleep(waitMs ?? pauseMs * (0.5 + Math.random()));
      pauseMs = Math.min(longestPauseMs, 2 * pauseMs);
    }
  }

  private async post(
    body: string,
  ): Promise<{ sent: boolean; again: boolean; why: string; waitMs: number | null }> {
    const failed = (why: string, again: boolean, waitMs: number | null = null) => ({
      sent: false,
      again,
      why,
      waitMs,
    });
    let headers: Record<string, string> = {};
    const { headersFile, endpoint } = this.otlp;
    if (headersFile !== null)
      try {
        headers = parseHeaders(await readFile(headersFile, 'utf8'));
      } catch (error) {
        return failed(`${headersFile}: ${error instanceof Error ? error.message : String(error)}`, true);
      }
    try {
      const response = await fetch(tracesUrl(endpoint), {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body,
        // Another host would get the headers of this one.
        redirect: 'manual',
        signal: AbortSignal.any([AbortSignal.timeout(answerMs), this.ended.signal]),
      });
      await response.body?.cancel();
      if (response.ok) return { sent: true, again: false, why: '', waitMs: null };
      const after = Number(response.headers.get('retry-after') ?? NaN);
      const waitMs = Number.isFinite(after) ? Math.min(longestPauseMs, Math.max(0, after * 1000)) : null;
      return failed(`status ${response.status}`, passing.includes(response.status), waitMs);
    } catch (error) {
      return failed(error instanceof Error ? error.message : String(error), true);
    }
  }

  private tell(problem: string | null): void {
    if (problem === this.problem) return;
    const to = new URL(this.otlp.endpoint).host;
    if (problem === null) this.log(`spans are taken by ${to} again`);
    else
      this.log(
        `spans are not taken by ${to}: ${problem}; those that it may take later wait, as long as there is room`,
      );
    this.problem = problem;
  }
}

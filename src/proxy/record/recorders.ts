import type { Colour } from '../../core/colour.ts';
import type { RouteOtlp } from '../../core/tracing.ts';
import type { Route } from '../../core/traffic.ts';
import type { ServiceTally } from '../worker/tally.ts';
import { LogFile } from './log-file.ts';
import { LogLine } from './log-line.ts';
import { Recorder } from './recorder.ts';
import { SpanExporter } from './span-exporter.ts';

/** How long a worker that ends waits for what it has to tell. */
const lastWordsMs = 1000;

/** The recorders of a worker, and the files and collectors that they share. Those outlive a table: a request that began under it is still told of. */
export class Recorders {
  private readonly files = new Map<string, LogFile>();
  private readonly exporters = new Map<string, SpanExporter>();

  constructor(private readonly log: (line: string) => void) {}

  /** What makes the recorder of each side of a route; null if nothing is to be told of its requests. */
  of(route: Route, tally: ServiceTally): ((colour: Colour) => Recorder) | null {
    const { accessLog, tracing } = route;
    if (accessLog === undefined && tracing?.otlp === undefined) return null;
    const file = accessLog && this.file(accessLog.file);
    const log =
      file && accessLog
        ? {
            file,
            line: new LogLine(accessLog, file.lineBytes),
            sample: accessLog.sample,
            wantsResponse: accessLog.responseHeaders.length > 0,
          }
        : null;
    const spans = tracing?.otlp
      ? { exporter: this.exporter(tracing.otlp), sample: tracing.otlp.sample }
      : null;
    return (colour) =>
      new Recorder(
        {
          service: route.service,
          environment: colour,
          release: route[colour].release,
          upstream: {
            tls: (route[colour].upstream?.tls ?? null) !== null,
            h2: route[colour].upstream?.protocol === 'h2',
          },
          mode: colour === route.live ? (route.mode?.mode ?? 'open') : 'open',
        },
        tally.told,
        log,
        spans,
      );
  }

  /** Those that no route of the table in force names hold no file and no memory while nothing comes for them. */
  settle(routes: readonly Route[]): void {
    const named = new Set(routes.flatMap(({ accessLog }) => (accessLog ? [accessLog.file ?? ''] : [])));
    for (const [key, file] of this.files) file.retired = !named.has(key);
  }

  /** Writes and sends what waits, for a second at most. */
  async close(): Promise<void> {
    const lost = await Promise.all([...this.files.values()].map((file) => file.close(lastWordsMs)));
    const bytes = lost.reduce((sum, n) => sum + n, 0);
    if (bytes > 0)
      this.log(`access log: ${bytes} bytes of lines are lost: they could not be written in time`);
    await Promise.all([...this.exporters.values()].map((exporter) => exporter.close(lastWordsMs)));
  }

  private file(path: string | null): LogFile {
    const key = path ?? '';
    let file = this.files.get(key);
    if (file === undefined) this.files.set(key, (file = new LogFile(path, this.log)));
    return file;
  }

  private exporter(otlp: RouteOtlp): SpanExporter {
    const key = JSON.stringify([otlp.endpoint, otlp.headersFile, otlp.serviceName]);
    let exporter = this.exporters.get(key);
    if (exporter === undefined) this.exporters.set(key, (exporter = new SpanExporter(otlp, this.log)));
    return exporter;
  }
}

import type { Clock } from '../ports/clock.ts';
import type { ProxyView, StatusView, StopRequest } from './api.ts';
import type { ControllerReading } from './metrics.ts';

/** What the routes work with. */
export interface Controller extends ControllerReading {
  readonly clock: Clock;
  /** Null while the proxy does not answer. */
  readonly proxy: () => Promise<StatusView['proxy']>;
  /** Those that it leads beside that one. */
  readonly proxies?: () => readonly ProxyView[];
  /** Begins to stop, after the answer has been sent. */
  readonly stop: (request: StopRequest) => void;
}

/** A request whose path, query and body are parsed. */
export interface Call {
  readonly service: string;
  readonly id: number;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly signal: AbortSignal;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  /** Segments; `:service` and `:id` stand for any one that fits. */
  readonly path: string;
  readonly handle: (call: Call, controller: Controller) => Promise<Response>;
}

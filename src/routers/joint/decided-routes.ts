import type { Route } from '../../core/traffic.ts';

/**
 * The controller's own copy of the routes: that which was decided last, and the one that is about to be. The log says which of the two is in force, by its
 * epoch; so the copy is on disk before the log says it.
 */
export interface RouteCopies {
  /** The route with this epoch; undefined if there is no copy of it. */
  at(service: string, epoch: number): Route | undefined;
  /** Adds one, and forgets those older than the one that is decided: others may be another controller's. On disk when it returns. */
  keep(route: Route, decided: number): void;
}

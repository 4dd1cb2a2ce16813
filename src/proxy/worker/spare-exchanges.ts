import type { ClientConnection } from './client-connection.ts';
import { Exchange } from './exchange.ts';
import type { Plane } from './plane.ts';

/** More than these are left to the garbage collector. */
const most = 1024;

/** Exchanges that no client has. The one given back last is taken first. */
export class SpareExchanges {
  private readonly spare: Exchange[] = [];
  constructor(private readonly plane: Plane) {}

  take(client: ClientConnection): Exchange {
    const exchange = this.spare.pop() ?? new Exchange(this.plane);
    exchange.serve(client);
    return exchange;
  }

  give(exchange: Exchange): void {
    // One that something still refers to would take the bytes of one client for another's.
    const over = exchange.isOver;
    exchange.part();
    if (over && this.spare.length < most) this.spare.push(exchange);
  }
}

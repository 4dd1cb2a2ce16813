import { mostWindow } from './frame.ts';

/** What SETTINGS_INITIAL_WINDOW_SIZE is until someone says otherwise (RFC 9113 §6.9.2). */
export const defaultWindow = 65_535;

/** How much we may send on a stream or a connection (RFC 9113 §6.9.1). */
export class SendWindow {
  private bytes: number;

  constructor(initial: number = defaultWindow) {
    this.bytes = initial;
  }

  /** How many bytes may be sent now. Never below 0, though the window itself may be (§6.9.2). */
  get room(): number {
    return Math.max(0, this.bytes);
  }

  /** Something of so many bytes is sent; the caller has asked whether there is room. */
  take(count: number): void {
    this.bytes -= count;
  }

  /** WINDOW_UPDATE, or the difference of a new SETTINGS_INITIAL_WINDOW_SIZE, which may be below 0. False if the window overflows: FLOW_CONTROL_ERROR. */
  grow(count: number): boolean {
    if (this.bytes + count > mostWindow) return false;
    this.bytes += count;
    return true;
  }
}

/**
 * How much the peer may send on a stream or a connection. What has come is handed back when it has been used, so that a reader who is
 * slow stops the sender; and not byte by byte, but when half of the window waits to be handed back.
 */
export class ReceiveWindow {
  private bytes: number;
  private used = 0;

  /** @param size what the peer was told */
  constructor(private readonly size: number) {
    this.bytes = size;
  }

  /** Bytes have come, padding included. False if they are more than the peer was allowed: FLOW_CONTROL_ERROR. */
  take(count: number): boolean {
    this.bytes -= count;
    return this.bytes >= 0;
  }

  /** Bytes that have come were used. What is returned, if not 0, is to be handed back now, by WINDOW_UPDATE. */
  release(count: number): number {
    this.used += count;
    if (2 * this.used < this.size) return 0;
    const increment = this.used;
    this.bytes += increment;
    this.used = 0;
    return increment;
  }
}

import { Agent, request } from 'node:http';
import type { Address } from '../../src/core/address.ts';

/** No answer of a good release takes so long, by far. */
const patienceMs = 60;

/** What users got of one release. */
export interface Served {
  readonly answered: number;
  /** Failed, wrong or slow. */
  readonly bad: number;
}

/** Users of the catalogue who ask at a steady rate, whether the last was answered or not, and know what is right. */
export class Users {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });
  readonly #served = new Map<string, { answered: number; bad: number }>();
  readonly #timer: Timer;
  readonly #began = performance.now();
  #asked = 0;
  #open = 0;
  #stopped: (() => void) | null = null;

  /** @param rate requests a second */
  constructor(
    private readonly target: Address,
    rate: number,
  ) {
    this.#timer = setInterval(() => {
      const due = ((performance.now() - this.#began) / 1000) * rate;
      while (this.#asked < due) this.#ask(++this.#asked % 500);
    }, 5);
  }

  /** By the release that answered; `''`: nobody did. */
  served(release: string): Served {
    return this.#served.get(release) ?? { answered: 0, bad: 0 };
  }

  /** Asks no more; resolves when all has been answered. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#stopped = resolve));
    this.#agent.destroy();
  }

  #ask(id: number): void {
    const { host, port } = this.target;
    const began = performance.now();
    this.#open++;
    const ended = (release: string, right: boolean): void => {
      const seen = this.#served.get(release) ?? { answered: 0, bad: 0 };
      const bad = !right || performance.now() - began > patienceMs;
      this.#served.set(release, { answered: seen.answered + 1, bad: seen.bad + (bad ? 1 : 0) });
      if (--this.#open === 0) this.#stopped?.();
    };
    const asked = request({ agent: this.#agent, host, port, path: `/items/${id}` }, (response) => {
      const release = String(response.headers['x-release'] ?? '');
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => ended(release, false));
      response.on('end', () =>
        ended(release, response.statusCode === 200 && isRight(id, Buffer.concat(chunks).toString())),
      );
    });
    asked.on('error', () => ended('', false));
    asked.end();
  }
}

/** The price that the catalogue has always had. */
const isRight = (id: number, body: string): boolean => body.includes(`"price":${100 + ((id * 37) % 900)},`);

import { fileURLToPath } from 'node:url';
import { parseAddress, type Address } from '../../src/core/address.ts';

/** A shop that runs on its own, as tests need it. */
export interface Shop {
  readonly address: Address;
  readonly url: string;
  readonly pid: number;
  readonly exited: Promise<number>;
  /** All that it has written so far, both streams. */
  output(): string;
  signal(name: NodeJS.Signals): void;
}

/** Starts a release with `node server.js` on a free port of loopback; resolves when it listens, rejects with its words if it ends before. */
export async function startShop(release: 1 | 2, environment: Record<string, string> = {}): Promise<Shop> {
  const child = Bun.spawn(['node', 'server.js'], {
    cwd: fileURLToPath(new URL(`release-${release}/`, import.meta.url)),
    env: { PATH: process.env.PATH ?? '', HOST: '127.0.0.1', PORT: '0', SHOP_WARMUP_MS: '0', ...environment },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  let output = '';
  const listening = Promise.withResolvers<string>();
  const listen = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      output += text;
      const url = /listening on http:\/\/(\S+)\n/.exec(output)?.[1];
      if (url) listening.resolve(url);
    }
  };
  Promise.all([listen(child.stdout), listen(child.stderr)])
    .then(() => listening.reject(new Error(`the shop ended before it listened: ${output}`)))
    .catch(listening.reject);
  const at = await listening.promise;
  const address = parseAddress(at);
  if (!address) throw new Error(`expected the address of the shop, found ${at}`);
  return {
    address,
    url: `http://${at}`,
    pid: child.pid,
    exited: child.exited,
    output: () => output,
    signal: (name) => child.kill(name),
  };
}

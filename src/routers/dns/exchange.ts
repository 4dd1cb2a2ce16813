import type { Address } from '../../core/address.ts';
import { decodeMessage, encodeMessage, WireError, type WireMessage } from './wire.ts';
import { sign, unverified, type TsigKey } from './tsig.ts';

/** Why there is no answer that counts. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/** What came back, with its bytes, into which names in records may point. */
export interface Answer {
  readonly message: WireMessage;
  readonly bytes: Uint8Array;
}

/**
 * Sends one message over TCP (RFC 7766) and returns its answer; with a key, both are signed. What answers something else, or too late, or
 * without the signature, has not answered.
 *
 * @throws NoAnswer
 */
export async function exchange(
  server: Address,
  message: Omit<WireMessage, 'id'>,
  key: TsigKey | null,
  timeoutMs: number,
): Promise<Answer> {
  const id = crypto.getRandomValues(new Uint16Array(1))[0] ?? 0;
  const plain = encodeMessage({ ...message, id });
  const seconds = (): number => Math.floor(Date.now() / 1000);
  const { signed, mac } = key ? sign(plain, key, seconds()) : { signed: plain, mac: null };
  const bytes = await talk(server, signed, timeoutMs);
  try {
    const answer = decodeMessage(bytes);
    if (answer.id !== id || (answer.flags & 0x8000) === 0) throw new NoAnswer('it answered another question');
    const problem = key && unverified(bytes, key, mac, seconds());
    if (problem !== null) throw new NoAnswer(problem);
    return { message: answer, bytes };
  } catch (error) {
    if (error instanceof WireError) throw new NoAnswer(`its answer is no DNS message: ${error.message}`);
    throw error;
  }
}

function talk({ host, port }: Address, message: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const framed = Buffer.alloc(2 + message.length);
  framed.writeUInt16BE(message.length);
  framed.set(message, 2);
  let received = Buffer.alloc(0);
  let sent = 0;
  let socket: { end(): void } | null = null;
  let over = false;
  const end = (act: () => void): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    socket?.end();
    act();
  };
  const fail = (why: string): void => end(() => reject(new NoAnswer(why)));
  const timer = setTimeout(() => fail(`it did not answer within ${timeoutMs}ms`), timeoutMs);
  const push = (to: { write(data: Uint8Array): number }): void => {
    if (sent < framed.length) sent += Math.max(0, to.write(framed.subarray(sent)));
  };
  Bun.connect({
    hostname: host,
    port,
    socket: {
      open(opened) {
        socket = opened;
        if (over) opened.end();
        else push(opened);
      },
      drain: push,
      data(_, chunk) {
        received = Buffer.concat([received, chunk]);
        if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
        const whole = received.subarray(2, 2 + received.readUInt16BE(0));
        end(() => resolve(whole));
      },
      close: () => fail('it closed the connection without an answer'),
      error: (_, error) => fail(error.message),
      connectError: (_, error) => fail(error.message),
    },
  }).catch((error: unknown) => fail(error instanceof Error ? error.message : String(error)));
  return promise;
}

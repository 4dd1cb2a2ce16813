import { ascii } from '../http1/octets.ts';
import { Method, type RequestHead } from '../http1/request-head.ts';
import { contextOf, type NativeContext } from '../tls/context.ts';
import { isForChallenge, challengePath } from '../tls/redirect.ts';
import type { Challenge } from './messages.ts';

/** What an authority asks for just now, as a worker shows it. */
export class Proofs {
  private readonly answers = new Map<string, string>();
  private readonly contexts = new Map<string, NativeContext>();

  private constructor(challenges: readonly Challenge[]) {
    for (const challenge of challenges)
      if (challenge.kind === 'http-01') this.answers.set(challenge.token, challenge.answer);
      else this.contexts.set(challenge.host, contextOf({ cert: challenge.certificate, key: challenge.key }));
  }

  /** Null if nothing is asked for: then nothing has to be looked at. */
  static of(challenges: readonly Challenge[]): Proofs | null {
    return challenges.length === 0 ? null : new Proofs(challenges);
  }

  /** Whether some of them are shown in handshakes. */
  get inHandshakes(): boolean {
    return this.contexts.size > 0;
  }

  /** The certificate that proves this host (RFC 8737 §3). */
  contextFor(host: string): NativeContext | undefined {
    return this.contexts.get(host.toLowerCase());
  }

  /** The whole answer to a request for a proof (RFC 8555 §8.3); null if it is for something else, or for one that is not ours. */
  answerTo(bytes: Uint8Array, head: RequestHead): Uint8Array | null {
    if (this.answers.size === 0 || !isForChallenge(bytes, head)) return null;
    if (head.method !== Method.get && head.method !== Method.head) return null;
    const token = Buffer.from(bytes.subarray(head.targetFrom + challengePath.length, head.targetTo)).toString(
      'latin1',
    );
    const answer = this.answers.get(token);
    if (answer === undefined) return null;
    return ascii(
      `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${answer.length}\r\n` +
        `Cache-Control: no-store\r\nConnection: close\r\n\r\n${head.method === Method.head ? '' : answer}`,
    );
  }
}

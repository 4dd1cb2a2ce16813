const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const ALPN = 16;
/** More than this is not looked at; 16 KB hold any hello that is meant well. */
export const longestHelloBytes = 16_384;

/** The handshake message at the beginning of what a client sent, without record headers (RFC 8446 §5.1); null if it is something else. */
function firstMessage(bytes: Uint8Array): { readonly body: Uint8Array; readonly whole: boolean } | null {
  const parts: Uint8Array[] = [];
  for (let at = 0; at + 5 <= bytes.length;) {
    if (bytes[at] !== HANDSHAKE || bytes[at + 1] !== 3) return null;
    const length = bytes[at + 3]! * 256 + bytes[at + 4]!;
    parts.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  const joined = Buffer.concat(parts);
  if (joined.length < 4) return { body: joined, whole: false };
  if (joined[0] !== CLIENT_HELLO) return null;
  const length = joined.readUIntBE(1, 3);
  return { body: joined.subarray(4, 4 + length), whole: joined.length >= 4 + length };
}

/**
 * The protocols that a ClientHello offers (RFC 7301 §3.1). Pure.
 *
 * @param bytes what a client sent first
 * @returns undefined if more has to come before it is known; empty if it offers none, or is no ClientHello
 */
export function offeredProtocols(bytes: Uint8Array): readonly string[] | undefined {
  const message = firstMessage(bytes);
  if (message === null) return [];
  if (!message.whole) return bytes.length >= longestHelloBytes ? [] : undefined;
  const { body } = message;
  // Version and random, then three lists with their lengths before them: session id, cipher suites, compression (RFC 8446 §4.1.2).
  let at = 34;
  at += 1 + (body[at] ?? 0);
  at += 2 + uint16(body, at);
  at += 1 + (body[at] ?? 0);
  const end = Math.min(body.length, at + 2 + uint16(body, at));
  for (at += 2; at + 4 <= end;) {
    const length = uint16(body, at + 2);
    if (uint16(body, at) === ALPN) return namesIn(body.subarray(at + 6, Math.min(end, at + 4 + length)));
    at += 4 + length;
  }
  return [];
}

const uint16 = (bytes: Uint8Array, at: number): number => (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);

function namesIn(list: Uint8Array): string[] {
  const names: string[] = [];
  for (let at = 0; at < list.length;) {
    const length = list[at]!;
    names.push(Buffer.from(list.subarray(at + 1, at + 1 + length)).toString('latin1'));
    at += 1 + length;
  }
  return names;
}

/** Close codes (RFC 6455 §7.4.1, and the registry of IANA). */
export const CloseCode = { goingAway: 1001, serviceRestart: 1012 } as const;

/** A close frame as a server sends it, without a mask (RFC 6455 §5.1, §5.5.1). */
export const closeFrame = (code: number): Uint8Array => Uint8Array.of(0x88, 2, code >> 8, code & 0xff);

/** A close frame as a client sends it. @param mask four octets, from a source that cannot be foretold (§5.3) */
export const maskedCloseFrame = (code: number, mask: Uint8Array): Uint8Array =>
  Uint8Array.of(0x88, 0x82, ...mask, (code >> 8) ^ mask[0]!, (code & 0xff) ^ mask[1]!);

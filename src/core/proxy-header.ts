/** The versions of the PROXY protocol (haproxy.org, proxy-protocol.txt): a line of text, and bytes. */
export const proxyVersions = ['v1', 'v2'] as const;
export type ProxyVersion = (typeof proxyVersions)[number];

/** What a header of version 2 begins with (§2.2). */
export const proxySignature: Uint8Array = Uint8Array.of(
  ...[0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a],
);

/** The header of a connection that speaks for itself, as a check does: UNKNOWN in version 1 (§2.1), LOCAL in version 2 (§2.2). */
export const ownHeader = (version: ProxyVersion): Uint8Array =>
  version === 'v1'
    ? new TextEncoder().encode('PROXY UNKNOWN\r\n')
    : Uint8Array.of(...proxySignature, 0x20, 0, 0, 0);

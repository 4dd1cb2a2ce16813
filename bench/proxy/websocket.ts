/** The WebSocket of the bench (RFC 6455): text messages of 64 bytes, echoed. */
const payload = Buffer.from('cutover '.repeat(8));

export const upgradeRequest = (host: string): Buffer =>
  Buffer.from(
    `GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );

/** To that one key of `upgradeRequest` (RFC 6455 §1.3). */
export const upgradeAnswer = Buffer.from(
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
);

/** One message of a client: masked by a key of zeros, so that all are alike. */
export const frame = Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
export const frameBytes = frame.length;
export const echoedFrame = Buffer.concat([Buffer.from([0x81, payload.length]), payload]);

/** What the other side sent breaks the protocol; the message says where. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}

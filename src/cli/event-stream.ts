import type { EventMessage } from '../server/api.ts';

/** What a stream may hold back of a message that is not whole: far more than any event. */
const maxPendingChars = 16 * 1_048_576;

/**
 * Reads server-sent events as they come, in pieces of any size (HTML Living Standard §9.2.6; the controller ends lines with a line feed).
 * Comments and events of other names are passed over.
 */
export class EventReader {
  #pending = '';

  /** The messages that this piece makes whole, in order. Throws on one that is not of the API. */
  read(piece: string): EventMessage[] {
    this.#pending += piece;
    if (this.#pending.length > maxPendingChars) throw new Error('an event of the controller is too large');
    const blocks = this.#pending.split('\n\n');
    this.#pending = blocks.pop() ?? '';
    return blocks.flatMap((block) => messageOf(block) ?? []);
  }
}

function messageOf(block: string): EventMessage | undefined {
  let event = '';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const [field, value] = fieldOf(line);
    if (field === 'event') event = value;
    if (field === 'data') data.push(value);
  }
  if (event === 'record' || event === 'progress') {
    const found: unknown = JSON.parse(data.join('\n'));
    if (typeof found !== 'object' || found === null)
      throw new Error(`an event of the controller is not an object: ${block}`);
    // From our own controller, on a socket that only its owner can make.
    return { event, data: found } as EventMessage;
  }
  return undefined;
}

function fieldOf(line: string): [string, string] {
  const colon = line.indexOf(':');
  if (colon === -1) return [line, ''];
  const value = line.slice(colon + 1);
  return [line.slice(0, colon), value.startsWith(' ') ? value.slice(1) : value];
}

import { createHmac } from 'node:crypto';

/**
 * The keys in a file of secrets, one on each line: `whsec_` and base64 stands for the octets that it encodes, as Standard Webhooks have it; any
 * other text is the key itself. Text: what is wrong with the file.
 */
export function signingKeys(text: string): readonly Buffer[] | string {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length === 0) return 'expected a secret, found an empty file';
  if (lines.length > 4) return `expected at most 4 secrets, one on each line, found ${lines.length}`;
  const keys: Buffer[] = [];
  for (const line of lines) {
    if (!line.startsWith('whsec_')) {
      keys.push(Buffer.from(line));
      continue;
    }
    const encoded = line.slice('whsec_'.length);
    const key = Buffer.from(encoded, 'base64');
    if (key.length === 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded))
      return 'expected base64 behind whsec_, found something else';
    keys.push(key);
  }
  return keys;
}

/**
 * The headers that say who sent a message and when (Standard Webhooks): the signature is over the id, the time and the body, so that none of them can
 * be changed and an old message can be told from a new one.
 *
 * @param seconds since 1970
 */
export function signedHeaders(
  keys: readonly Buffer[],
  id: string,
  seconds: number,
  body: string,
): Record<string, string> {
  const signature = (key: Buffer): string =>
    `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`;
  return {
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    ...(keys.length > 0 && { 'webhook-signature': keys.map(signature).join(' ') }),
  };
}

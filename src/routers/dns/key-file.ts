import { readFileSync, statSync } from 'node:fs';
import { CutoverError } from '../../core/errors.ts';
import { algorithms, type Algorithm, type TsigKey } from './tsig.ts';

const mostBytes = 16_384;

const isAlgorithm = (text: string): text is Algorithm => Object.hasOwn(algorithms, text);

/** The key that a file of BIND's form names (`tsig-keygen` prints it); undefined if there is not exactly one. Pure. */
export function parseKey(text: string): TsigKey | undefined {
  // A secret may have // in it.
  const plain = text.replace(
    /("[^"]*")|\/\*[\s\S]*?\*\/|(?:\/\/|#)[^\n]*/g,
    (_, quoted?: string) => quoted ?? ' ',
  );
  const found = /^\s*key\s+"?([A-Za-z0-9_.-]{1,255})"?\s*\{([^{}]*)\}\s*;?\s*$/.exec(plain);
  if (!found) return undefined;
  const [, name = '', body = ''] = found;
  const algorithm = /(?:^|;)\s*algorithm\s+"?([A-Za-z0-9-]+)\.?"?\s*;/.exec(body)?.[1]?.toLowerCase();
  const secret = /(?:^|;)\s*secret\s+"([A-Za-z0-9+/=\s]+)"\s*;/.exec(body)?.[1];
  if (algorithm === undefined || secret === undefined || !isAlgorithm(algorithm)) return undefined;
  const bytes = Buffer.from(secret, 'base64');
  if (bytes.length === 0) return undefined;
  return { name: name.toLowerCase().replace(/\.$/, ''), algorithm, secret: bytes };
}

/**
 * The key in a file, read each time, so that it may be renewed.
 *
 * @throws CutoverError `io-failed` if it cannot be read, or others may read it; `spec-invalid` if it is none. No content is in a message.
 */
export function readKey(path: string): TsigKey {
  let text: string;
  try {
    const { mode, size } = statSync(path);
    if ((mode & 0o077) !== 0)
      throw new CutoverError(
        'io-failed',
        `${path}: expected a key that only its owner may read, found mode ${(mode & 0o777).toString(8)}`,
        { next: `chmod 600 ${path}, and renew the key if others may have read it` },
      );
    text = size > mostBytes ? '' : readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof CutoverError) throw cause;
    throw new CutoverError(
      'io-failed',
      `${path}: expected a key for updates of the DNS, found that it cannot be read (${cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown why'})`,
      { next: 'make it with tsig-keygen, or name another file as router.dns.key', cause },
    );
  }
  const key = parseKey(text);
  if (key) return key;
  throw new CutoverError(
    'spec-invalid',
    `${path}: expected one key as tsig-keygen prints it, with algorithm ${Object.keys(algorithms).join(', ')}, found something else`,
    { next: 'tsig-keygen NAME > FILE makes one' },
  );
}

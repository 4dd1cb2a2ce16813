import { createHash } from 'node:crypto';
import type { Digest } from '../core/receipt-chain.ts';

/** SHA-256 of a text in UTF-8, in hexadecimal. */
export const sha256: Digest = (text) => createHash('sha256').update(text).digest('hex');

import { z } from 'zod';

export const stickyKeyBytes = 32;
/** A key of the cookies that keep clients where they were, as hexadecimal digits. */
export const StickyKey = z.string().regex(/^[0-9a-f]{64}$/);

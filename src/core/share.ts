import { z } from 'zod';

const shareError = { error: 'expected a share such as 1%, 0.5% or 0' };

/** A share as a user writes it, `1%`, as a number from 0 to 1. */
export const Share = z
  .union([z.literal(0), z.string(shareError).regex(/^(100|\d{1,2}(\.\d{1,4})?)%$/, shareError)], shareError)
  .transform((share) => (share === 0 ? 0 : Number(share.slice(0, -1)) / 100));

const someError = { error: 'expected a share above 0, such as 5%' };

/** The same, above 0. */
export const SomeShare = z
  .string(someError)
  .regex(/^(?!0+(\.0+)?%)(100|\d{1,2}(\.\d{1,4})?)%$/, someError)
  .transform((share) => Number(share.slice(0, -1)) / 100);

/** The same for people: `5 %`, `0.25 %`. */
export const formatShare = (share: number): string => `${Number((share * 100).toFixed(2))} %`;

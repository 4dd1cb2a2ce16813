import type { z } from 'zod';
import { CutoverError } from '../core/errors.ts';
import { Spec, type SpecInput } from '../core/spec.ts';
import type { DeployOrder } from '../engine/release-order.ts';
import type { DeployRequest } from './api.ts';

/** The value by the schema; throws `request-invalid` with every problem. */
export function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    ({ path, message }) => `${path.join('.') || 'request'}: ${message}`,
  );
  throw new CutoverError('request-invalid', `the request is not as the API expects: ${problems.join('; ')}`, {
    detail: { problems },
  });
}

/** The order that a request makes of a service; throws `request-invalid`. */
export function orderOf(service: string, { order, release }: Omit<DeployRequest, 'by'>): DeployOrder {
  if (release !== undefined && order === undefined) return { release };
  if (!order || release !== undefined) {
    throw new CutoverError(
      'request-invalid',
      'expected either an order for a new release or the number of an existing one',
    );
  }
  const spec = parsed(Spec, order.spec);
  if (spec.service !== service) {
    throw new CutoverError(
      'request-invalid',
      `expected a spec of service ${service}, found one of ${spec.service}`,
    );
  }
  // Parsed just above: as written, it is a spec.
  return { order: { ...order, spec: order.spec as SpecInput } };
}

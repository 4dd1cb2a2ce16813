import { z } from 'zod';
import { Address } from '../../core/address.ts';
import { Colour } from '../../core/colour-schema.ts';
import { ErrorRecord } from '../../core/error-record.ts';
import { Placement } from '../../core/placement.ts';

/**
 * What a controller and an agent say to each other, over TLS with certificates of both sides: `POST /v1/NAME` with JSON. An error is answered as
 * `{error: ErrorRecord}` with a status of 4xx or 5xx. A new version gets a new prefix; an agent may answer several.
 *
 *   GET  /v1/authority     text: the certificate of the agent's authority     open to all
 *   POST /v1/enroll         EnrollRequest → Enrolled                            for the token, once
 *   POST /v1/renew         RenewRequest → Enrolled
 *   POST /v1/hello         → Hello
 *   POST /v1/ship          ShipRequest → ShipAnswer                           shipped already, or where to send the content
 *   POST /v1/content/ID    a tar archive → ShippedThere
 *   POST /v1/place         PlaceRequest → Placement
 *   POST /v1/start         StartRequest → {}
 *   POST /v1/stop          {environment} → {}
 *   POST /v1/inspect       {environment} → InstanceStatus[]
 *   POST /v1/listening     ListeningRequest → Address[]
 *   POST /v1/logs          LogsRequest → Logs
 *   POST /v1/prune         PruneRequest → number[]
 */
export const controlVersion = 1;
export const controlPrefix = '/v1/';

/** More than any order takes: the largest is a spec. */
export const mostOrderBytes = 4 * 1024 * 1024;

const service = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/);
const number = z.int().min(1);
const Environment = z.strictObject({ service, colour: Colour });
/** Names a value that must not be on disk with the rest: a digest of where the controller has it from. */
export const SecretId = z.string().regex(/^[0-9a-f]{32}$/);

/** A release without its content: the parts of a spec that a host needs, as a user could have written them. */
export const WireRelease = z.strictObject({
  number,
  version: z.string().min(1).max(200),
  spec: z.record(z.string(), z.unknown()),
});
export type WireRelease = z.infer<typeof WireRelease>;

export const EnrollRequest = z.strictObject({
  secret: z.string().min(1).max(200),
  /** PKCS #10, PEM. */
  request: z.string().min(1).max(8192),
});
export const RenewRequest = EnrollRequest.omit({ secret: true });
export const Enrolled = z.object({ certificate: z.string() });

export const Hello = z.object({
  protocol: z.int(),
  version: z.string(),
  host: z.string(),
});
export type Hello = z.infer<typeof Hello>;

export const ShipRequest = z.strictObject({
  service,
  release: WireRelease,
  /** What the content must come to (sha256, hex). */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
});
export const ShippedThere = z.object({
  digest: z.string(),
  directory: z.string(),
  files: z.number(),
  bytes: z.number(),
});
export const ShipAnswer = z.union([z.object({ shipped: ShippedThere }), z.object({ content: z.uuid() })]);

export const PlaceRequest = z.strictObject({
  environment: Environment,
  release: WireRelease,
  previous: Placement.nullable(),
});
export const StartRequest = z.strictObject({
  environment: Environment,
  release: WireRelease,
  placement: Placement,
  secrets: z.record(SecretId, z.string()),
  /** Of these layers only the first so many; absent: all. */
  only: z.record(z.string(), z.int().min(0)).optional(),
});
export const EnvironmentRequest = z.strictObject({ environment: Environment });
export const ListeningRequest = z.strictObject({
  environment: Environment,
  layer: z.string(),
  index: z.int().min(0),
});
export const LogsRequest = z.strictObject({
  environment: Environment,
  query: z.strictObject({
    lines: z.int().min(0).max(100_000),
    layer: z.string().optional(),
    after: z.string().optional(),
  }),
});
export const PruneRequest = z.strictObject({ service, keep: z.array(number) });

export const InstanceStatuses = z.array(
  z.object({
    layer: z.string(),
    index: z.int(),
    release: z.int(),
    address: Address,
    state: z.enum(['running', 'waiting-to-restart', 'stopped']),
    pid: z.int().nullable(),
    startedAt: z.number().nullable(),
    restarts: z.int(),
    lastExit: z.string().nullable(),
  }),
);
export const LogsAnswer = z.object({
  release: z.int().nullable(),
  lines: z.array(
    z.object({
      layer: z.string(),
      index: z.int(),
      text: z.string(),
      unfinished: z.literal(true).optional(),
    }),
  ),
  next: z.string(),
  more: z.boolean(),
});
export const Failed = z.object({ error: ErrorRecord });
export const Numbers = z.array(z.int());
export const Addresses = z.array(Address);
export const Nothing = z.object({});

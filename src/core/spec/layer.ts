import { z } from 'zod';
import { Duration } from '../duration.ts';
import { Health } from './check.ts';
import { Active } from './active.ts';
import { Command } from './command.ts';
import { Variables } from './variables.ts';

export const Layer = z.strictObject({
  command: Command.describe(
    'The program of an instance and its arguments, as a list: no shell reads it. It runs in the release.',
  ),
  instances: z.int().min(1).max(64).default(1).describe('How many copies run in each environment.'),
  port: z
    .union([z.int().min(1).max(65535), z.literal('auto')], {
      error: 'expected a port from 1 to 65535, or auto',
    })
    .default('auto')
    .describe('The first instance’s port; the others follow it.'),
  variables: Variables.default({}).describe(
    'For the instances of this layer; they win over those of both environments.',
  ),
  health: Health.optional().describe(
    'When an instance counts as healthy. Default: it accepts a TCP connection; in a layer that gets no traffic, it has run for 1s.',
  ),
  active: Active.optional().describe(
    'For a layer without traffic, such as queue workers: it works only while its environment is live. See docs/workers.md.',
  ),
  stop: z
    .strictObject({
      signal: z
        .enum(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'])
        .default('SIGTERM')
        .describe('The signal that asks it to end.'),
      grace: Duration.default(10_000).describe('From the signal until it is killed.'),
    })
    .default({ signal: 'SIGTERM', grace: 10_000 })
    .describe('How an instance is stopped.'),
  restart: z
    .strictObject({
      backoff: Duration.default(500).describe(
        'Before the first restart of a crashed instance; doubles each time.',
      ),
      max: Duration.default(30_000).describe('The longest wait between restarts.'),
    })
    .default({ backoff: 500, max: 30_000 })
    .describe('How a crashed instance is started again.'),
  logs: z
    .strictObject({
      maxBytes: z.int().min(4096).default(10_485_760).describe('A log file is rotated at this size.'),
      files: z.int().min(1).max(100).default(3).describe('Rotated files that are kept.'),
    })
    .default({ maxBytes: 10_485_760, files: 3 })
    .describe('The files that take what an instance prints.'),
});
export type Layer = z.infer<typeof Layer>;

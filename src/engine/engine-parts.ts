import type { Page } from '../core/page.ts';
import type { Spec } from '../core/spec.ts';
import type { NotifyTarget } from '../core/spec/notify.ts';
import type { Checker } from '../ports/check.ts';
import type { Clock } from '../ports/clock.ts';
import type { CommandRunner } from '../ports/command.ts';
import type { Gauge } from '../ports/gauge.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { Platform } from '../ports/platform.ts';
import type { Router } from '../ports/router.ts';
import type { Lease, Store } from '../ports/store.ts';
import type { Strategist } from '../ports/strategist.ts';
import type { WebhookSender } from '../ports/webhook.ts';

/** What the engine is built from. The drivers of a service are those that its newest release names. */
export interface EngineParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly checker: Checker;
  readonly commands: CommandRunner;
  readonly webhooks: WebhookSender;
  readonly gauge: Gauge;
  /** The driver of a target of notifications; paths in it are relative to `base`. */
  readonly notifier: (target: NotifyTarget, base: string) => Notifier;
  readonly platform: (driver: Spec['platform']['driver']) => Platform;
  /** `base`: what relative paths in its settings begin at. */
  readonly router: (settings: Spec['router'], base: string) => Router;
  readonly lease: () => Lease;
  /** Runs strategies of users' own; absent: there are none. */
  readonly strategist?: Strategist;
  /** Reads a page by its absolute path; throws `page-invalid`. */
  readonly readPage: (path: string) => Page;
}

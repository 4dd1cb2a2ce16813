import { z } from 'zod';
import { noticeKinds } from './notice-kinds.ts';

/** Something that one target is to be told. */
export const Notice = z.object({
  /** The same at each try, and after a crash. */
  id: z.string(),
  on: z.enum(noticeKinds),
  /** What it is about; null: the service, whatever is deployed. */
  deployment: z.int().min(1).nullable(),
  /** The target is number `target` in the spec of this release. */
  release: z.int().min(1),
  target: z.int().min(0),
  /** What the target is called. */
  name: z.string(),
});
export type Notice = z.infer<typeof Notice>;

/** A notice that nobody waits for any more. */
export interface EndedNotice extends Notice {
  readonly sent: boolean;
  readonly detail: string;
  readonly tries: number;
  readonly at: number;
}

/** What of a service is still to be told, and what has been. */
export interface Notices {
  /** Oldest first; `at`: when it happened. */
  readonly due: readonly (Notice & { readonly at: number })[];
  /** The latest, oldest first. */
  readonly ended: readonly EndedNotice[];
  /** From the beginning, by the name of the target. */
  readonly counts: Readonly<Record<string, { readonly sent: number; readonly givenUp: number }>>;
}

export const noNotices: Notices = { due: [], ended: [], counts: {} };

/** So many wait for one target at most; what comes then is not told, and that is on record. */
export const longestQueue = 200;
const endedKept = 100;

export const withDue = (notices: Notices, notice: Notice, at: number): Notices => ({
  ...notices,
  due: [...notices.due, { ...notice, at }],
});

export function withEnded({ due, ended, counts }: Notices, notice: EndedNotice): Notices {
  const { sent = 0, givenUp = 0 } = counts[notice.name] ?? {};
  const count = notice.sent ? { sent: sent + 1, givenUp } : { sent, givenUp: givenUp + 1 };
  return {
    due: due.filter(({ id }) => id !== notice.id),
    ended: [...ended.slice(1 - endedKept), notice],
    counts: { ...counts, [notice.name]: count },
  };
}

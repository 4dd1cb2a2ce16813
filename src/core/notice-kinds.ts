/** What can be told of. */
export const noticeKinds = [
  'started',
  'waiting',
  'switched',
  'succeeded',
  'rolled-back',
  'failed',
  'frozen',
  'retired',
  'mode-changed',
] as const;
export type NoticeKind = (typeof noticeKinds)[number];

/** The names that may stand in a template. */
export const noticeFacts = [
  'service',
  'event',
  'deployment',
  'kind',
  'release',
  'version',
  'by',
  'outcome',
  'live',
  'liveRelease',
  'from',
  'to',
  'requests',
  'failed',
  'held',
  'retried',
  'took',
  'switchTime',
  'p99Before',
  'p99After',
  'error',
  'code',
  'next',
  'mode',
  'reason',
  'receipt',
  'time',
  'id',
] as const;
export type NoticeFact = (typeof noticeFacts)[number];
export type NoticeFacts = Readonly<Record<NoticeFact, string>>;

import type { NoticeFacts } from '../core/notice-kinds.ts';
import type { Receipt } from '../core/receipt.ts';
import type { NoticeMessage } from '../ports/notifier.ts';

const side = {
  ...{ release: null, requests: 0, failed: {}, held: 0, retried: 0, writes: 0, clientClosed: 0 },
  status: {},
};

/** A receipt with something in it. */
export const noticeReceipt: Receipt = {
  ...{ service: 'shop', deployment: 12, kind: 'deploy', release: 12, version: '1.4.0', outcome: 'succeeded' },
  ...{ by: 'ada', mode: 'open', startedAt: 1_700_000_000_000, endedAt: 1_700_000_012_000 },
  ...{ requests: 1234, failed: 0, held: 0, retried: 0, latency: null, switch: null, switchBack: null },
  environments: { blue: side, green: side },
  ...{ drainMs: null, leftAfterDrain: null, steps: [], timeline: null, gaps: [], previous: null },
  hash: '0'.repeat(64),
};

const facts: NoticeFacts = {
  ...{
    service: 'shop',
    event: 'succeeded',
    deployment: '12',
    kind: 'deploy',
    release: '12',
    version: '1.4.0',
  },
  ...{ by: 'ada', outcome: 'succeeded', live: 'green', liveRelease: '12', from: 'blue', to: 'green' },
  ...{ requests: '1234', failed: '0', held: '0', retried: '0', took: '12s', switchTime: '3ms' },
  ...{ p99Before: '', p99After: '', error: '', code: '', next: '', mode: 'open', reason: '', receipt: '' },
  ...{ time: '2023-11-14T22:13:32.000Z', id: 'notice-shop-7-x-1' },
};

/** A message, with what a test says of it. */
export const noticeMessage = ({
  facts: more = {},
  ...rest
}: Partial<Omit<NoticeMessage, 'facts'>> & { facts?: Partial<NoticeFacts> } = {}): NoticeMessage => ({
  id: 'notice-shop-7-x-1',
  on: 'succeeded',
  at: 1_700_000_012_000,
  template: '{{service}}: release {{release}} ({{version}}) by {{by}}',
  facts: { ...facts, ...more },
  receipt: noticeReceipt,
  ...rest,
});

import { expect, test } from 'bun:test';
import { notCarried } from './router-fit.ts';
import { RouterSpec } from './spec/router.ts';

const router = (more: object) => RouterSpec.parse({ listen: '127.0.0.1:8080', ...more });

test('what has its default asks nothing of a router', () => {
  expect(notCarried(router({}), [])).toEqual([]);
  expect(notCarried(router({ limits: { body: 0 }, protocol: 'http' }), [])).toEqual([]);
});

test('a path stands for all below it, and with a value for this value only', () => {
  const asked = router({ sticky: { by: 'cookie' }, protocol: 'http' });
  expect(notCarried(asked, 'all')).toEqual([]);
  expect(notCarried(asked, ['sticky'])).toEqual([]);
  expect(notCarried(asked, ['sticky.by=cookie', 'sticky.scope', 'sticky.cookie'])).toEqual([]);
  expect(notCarried(asked, ['sticky.by=client', 'sticky.cookie', 'sticky.scope'])).toEqual([
    'router.sticky.by=cookie',
  ]);
  expect(notCarried(router({ protocol: 'tcp' }), ['sticky'])).toEqual(['router.protocol=tcp']);
  expect(notCarried(asked, [])).toEqual(['router.sticky']);
});

test('a key that begins like one that is carried is not carried by it', () => {
  expect(notCarried(router({ previewHost: 'next.example' }), ['preview'])).toEqual([
    'router.previewHost=next.example',
  ]);
});

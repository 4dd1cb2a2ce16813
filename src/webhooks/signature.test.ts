import { expect, test } from 'bun:test';
import { signedHeaders, signingKeys } from './signature.ts';

test('the example of Standard Webhooks is signed as they have it', () => {
  const keys = signingKeys('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n');
  if (typeof keys === 'string') throw new Error(keys);
  expect(signedHeaders(keys, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, '{"test": 2432232314}')).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('more than four secrets are refused', () => {
  expect(signingKeys('a\nb\nc\nd\ne\n')).toBe('expected at most 4 secrets, one on each line, found 5');
});

import { expect, test } from 'bun:test';
import { plain } from '../terminal/paint.ts';
import { certificateLines } from './certificates.ts';

const now = Date.parse('2026-11-21T12:00:00Z');
const day = 24 * 3_600_000;
const certificate = {
  services: ['shop'],
  hosts: ['shop.example'],
  source: 'https://acme.example/directory',
  issuer: 'R3',
  expiresAt: now + 60 * day,
  renewsAt: now + 30 * day,
  problem: null,
};

test('each certificate is shown with its hosts, its end and when it is asked for next', () => {
  const lines = certificateLines(
    [
      certificate,
      {
        ...certificate,
        issuer: null,
        expiresAt: null,
        renewsAt: now,
        problem: 'acme.example cannot be asked',
      },
      { ...certificate, source: '/etc/own.pem', expiresAt: now - day, renewsAt: null },
      { ...certificate, hosts: ['a.example', 'b\u001b[2J.example'] },
    ],
    now,
    plain,
  );
  expect(lines.slice(0, 3)).toEqual([
    '  certificate  shop.example  by R3 until 2027-01-20 12:00 UTC, asked for on 2026-12-21 12:00 UTC',
    '  certificate  shop.example  none yet, asked for now  ! acme.example cannot be asked',
    '  certificate  shop.example  by R3 until 2026-11-20 12:00 UTC, which is over, from a file',
  ]);
  expect(lines[3]).not.toContain('\u001b');
});

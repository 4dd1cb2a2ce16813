import type { CertificateStatus } from '../../core/certificate-status.ts';
import type { Paint } from '../terminal/paint.ts';
import { harmless } from '../terminal/text.ts';

const day = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ');

/** One line for each certificate: its hosts, who signed it, until when, and when it is asked for next. */
export function certificateLines(
  certificates: readonly CertificateStatus[],
  now: number,
  paint: Paint,
): string[] {
  return certificates.map(({ hosts, source, issuer, expiresAt, renewsAt, problem }) => {
    const whose = harmless(hosts.join(', ') || source);
    const what =
      issuer === null || expiresAt === null
        ? paint.yellow('none yet')
        : `by ${harmless(issuer)} until ${expiresAt > now ? `${day(expiresAt)} UTC` : paint.red(`${day(expiresAt)} UTC, which is over`)}`;
    const next =
      renewsAt === null ? 'from a file' : `asked for ${renewsAt <= now ? 'now' : `on ${day(renewsAt)} UTC`}`;
    return `  certificate  ${whose}  ${what}, ${next}${problem === null ? '' : `  ${paint.yellow('!')} ${harmless(problem)}`}`;
  });
}

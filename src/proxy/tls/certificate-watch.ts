import { CutoverError } from '../../core/errors.ts';
import type { Route, RouteTls } from '../../core/traffic.ts';
import type { CertificateStatus } from '../../core/certificate-status.ts';
import { Certificates } from './certificates.ts';
import { loadCertificate, loadUpstreamContext } from './context.ts';
import { UpstreamCredentials } from './upstream-credentials.ts';
import { expiresSoonAt, type Validity } from './validity.ts';

/** Throws `certificate-invalid` if a certificate of this route cannot be served; a route is refused before it is in force. */
export function examineCertificates(service: string, tls: RouteTls): void {
  for (const files of tls.certificates) examine(service, () => loadCertificate(files, tls));
}

/** The same for what is needed to reach its instances. */
export function examineUpstream({ service, blue, green }: Route): void {
  for (const { upstream } of [blue, green]) {
    const tls = upstream?.tls;
    if (tls) examine(service, () => loadUpstreamContext(tls));
  }
}

function examine(service: string, load: () => unknown): void {
  try {
    load();
  } catch (error) {
    if (!(error instanceof CutoverError)) throw error;
    throw new CutoverError(error.code, `service ${service}: ${error.message}`, {
      ...error.options,
      next: 'mend the file, and try again',
    });
  }
}

/** What files hold certificates for one service or one side of it. */
type Watched = Certificates | UpstreamCredentials;

function problemsOf(watched: Watched, now: number): readonly string[] {
  if (!(watched instanceof Certificates)) return watched.problem === null ? [] : [watched.problem];
  return watched
    .all()
    .flatMap(({ files, served, problem }) => [problem, served && endOf(files.cert, served.validity, now)])
    .filter((problem) => problem !== null);
}

/** What is to be said of a certificate whose end is near; null if it is not. */
function endOf(path: string, validity: Validity, now: number): string | null {
  const until = new Date(validity.until).toISOString();
  if (now >= validity.until) return `${path}: expected a certificate that holds, found one until ${until}`;
  if (now < validity.from)
    return `${path}: expected a certificate that holds, found one from ${new Date(validity.from).toISOString()} on`;
  return now < expiresSoonAt(validity)
    ? null
    : `${path}: the certificate holds until ${until}; put a new one in its place`;
}

/** The keeper's eye on the files that its workers use: what is wrong with them is shown by `status`. */
export class CertificateWatch {
  private watched = new Map<string, { readonly service: string; readonly files: Watched }>();
  private known: readonly string[] = [];

  constructor(private readonly log: (line: string) => void) {}

  look(routes: readonly Route[]): void {
    const watched = new Map<string, { readonly service: string; readonly files: Watched }>();
    const watch = <T extends Watched>(service: string, what: string, tls: T['tls'], make: () => T): void => {
      const key = `${service} ${what}`;
      const former = this.watched.get(key)?.files;
      const files = former && Bun.deepEquals(former.tls, tls) ? former : make();
      files.look(performance.now());
      watched.set(key, { service, files });
    };
    for (const { service, tls, blue, green } of routes) {
      if (tls) watch(service, 'served', tls, () => new Certificates(tls));
      for (const [side, { upstream }] of [['blue', blue] as const, ['green', green] as const]) {
        const own = upstream?.tls;
        if (own) watch(service, side, own, () => new UpstreamCredentials(own));
      }
    }
    this.watched = watched;
    const problems = this.problems(Date.now());
    for (const problem of problems) if (!this.known.includes(problem)) this.log(problem);
    this.known = problems;
  }

  /** Until when certificates that are served are valid, by service and file. */
  validity(): { readonly service: string; readonly file: string; readonly notAfter: number }[] {
    const all = [...this.watched.values()].flatMap(({ service, files }) =>
      files instanceof Certificates ? files.validity().map((each) => ({ service, ...each })) : [],
    );
    // A file may be named for several hosts; as a series of metrics it may come once only.
    return [...new Map(all.map((each) => [`${each.service} ${each.file}`, each])).values()];
  }

  status(): CertificateStatus[] {
    return [...this.watched.values()].flatMap(({ service, files: watched }) =>
      watched instanceof Certificates
        ? watched.all().map(({ files, served, problem }) => ({
            services: [service],
            hosts: [...(served?.hosts ?? files.hosts)],
            source: files.cert,
            issuer: served?.issuer ?? null,
            expiresAt: served?.validity.until ?? null,
            renewsAt: null,
            problem,
          }))
        : [],
    );
  }

  /** @param now milliseconds since 1970 */
  problems(now: number): string[] {
    const all = [...this.watched.values()].flatMap(({ service, files }) =>
      problemsOf(files, now).map((problem) => `service ${service}: ${problem}`),
    );
    // Both sides mostly use the same files.
    return [...new Set(all)];
  }
}

import { CutoverError } from '../../core/errors.ts';
import type { Route, RouteTls } from '../../core/traffic.ts';
import { Certificates } from './certificates.ts';
import { loadCertificate } from './context.ts';

/** Throws `certificate-invalid` if a certificate of this route cannot be served; a route is refused before it is in force. */
export function examineCertificates(service: string, tls: RouteTls): void {
  for (const files of tls.certificates)
    try {
      loadCertificate(files, tls);
    } catch (error) {
      if (!(error instanceof CutoverError)) throw error;
      throw new CutoverError(error.code, `service ${service}: ${error.message}`, {
        ...error.options,
        next: 'mend the file, and try again',
      });
    }
}

/** The keeper's eye on the files that its workers serve from: what is wrong with them is shown by `status`. */
export class CertificateWatch {
  private byService = new Map<string, Certificates>();
  private known: readonly string[] = [];

  constructor(private readonly log: (line: string) => void) {}

  look(routes: readonly Route[]): void {
    const byService = new Map<string, Certificates>();
    for (const { service, tls } of routes) {
      if (!tls) continue;
      const former = this.byService.get(service);
      const certificates = former && Bun.deepEquals(former.tls, tls) ? former : new Certificates(tls);
      certificates.look(performance.now());
      byService.set(service, certificates);
    }
    this.byService = byService;
    const problems = this.problems();
    for (const problem of problems) if (!this.known.includes(problem)) this.log(problem);
    this.known = problems;
  }

  problems(): string[] {
    return [...this.byService].flatMap(([service, certificates]) =>
      certificates.problems().map((problem) => `service ${service}: ${problem}`),
    );
  }
}

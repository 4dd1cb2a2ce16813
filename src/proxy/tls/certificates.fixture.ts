import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RouteTls } from '../../core/traffic.ts';

async function openssl(...args: string[]): Promise<void> {
  const made = Bun.spawn(['openssl', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  if ((await made.exited) !== 0) throw new Error(`openssl: ${await new Response(made.stderr).text()}`);
}

/** Certificates that `openssl` makes in a folder of its own. Use with `using`. */
export class TestCertificates implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'cutover certificates '));

  path(name: string): string {
    return join(this.folder, name);
  }
  /** `NAME.crt` and `NAME.key`, signed by itself, for the hosts; one that is there is replaced as a renewal would. */
  async make(name: string, ...hosts: string[]): Promise<RouteTls['certificates'][number]> {
    await openssl(
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-subj', `/CN=${name}`, '-keyout', this.path('new.key'), '-out', this.path('new.crt')],
      ...(hosts.length > 0 ? ['-addext', `subjectAltName=${hosts.map((host) => `DNS:${host}`).join()}`] : []),
    );
    renameSync(this.path('new.key'), this.path(`${name}.key`));
    renameSync(this.path('new.crt'), this.path(`${name}.crt`));
    return { cert: this.path(`${name}.crt`), key: this.path(`${name}.key`), hosts: [] };
  }
  /** `NAME.crt` and `NAME.key`, signed by the authority of that name, for hosts such as `DNS:shop.example` and `IP:127.0.0.1`. */
  async sign(name: string, authority: string, ...hosts: string[]): Promise<void> {
    writeFileSync(this.path('extensions'), hosts.length > 0 ? `subjectAltName=${hosts.join()}` : '');
    await openssl(
      ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`],
      ...['-keyout', this.path(`${name}.key`), '-out', this.path(`${name}.csr`)],
    );
    await openssl(
      ...['x509', '-req', '-days', '2', '-set_serial', '7', '-in', this.path(`${name}.csr`)],
      ...['-CA', this.path(`${authority}.crt`), '-CAkey', this.path(`${authority}.key`)],
      ...['-extfile', this.path('extensions'), '-out', this.path(`${name}.crt`)],
    );
  }
  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const tlsWith = (certificates: RouteTls['certificates'], more: Partial<RouteTls> = {}): RouteTls => ({
  certificates,
  redirect: null,
  hstsSeconds: 0,
  clientCa: null,
  clientAuth: 'required',
  ...more,
});

/** What curl says of a request: its exit code, what it printed, and how it complained. */
export async function curl(
  ...args: string[]
): Promise<{ readonly code: number; readonly text: string; readonly complaint: string }> {
  const run = Bun.spawn(['curl', '--silent', '--show-error', '--max-time', '4', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [text, complaint, code] = await Promise.all([
    new Response(run.stdout).text(),
    new Response(run.stderr).text(),
    run.exited,
  ]);
  return { code, text, complaint };
}

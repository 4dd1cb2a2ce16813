import type { Challenge, IssuerReport } from './messages.ts';
import { IssuerOrder } from './messages.ts';
import { AuthorityClient } from './authority-client.ts';

type ObtainOrder = Extract<IssuerOrder, { kind: 'obtain' }>;

/** Between two questions whether the authority is done. */
const pollMs = { backoffAttempts: 20, backoffMin: 500, backoffMax: 10_000 };

/** Talks with an authority about one host, in a process of its own: the library is in nobody's way, and its memory goes with it. */
class Issuer {
  private ready = Promise.withResolvers<void>();

  constructor(private readonly report: (report: IssuerReport) => void) {}

  proceed(): void {
    this.ready.resolve();
  }

  async obtain(order: ObtainOrder): Promise<IssuerReport> {
    const { default: acme } = await import('acme-client');
    const carrier = new AuthorityClient(order.ca);
    acme.axios.defaults.adapter = carrier.adapter;
    try {
      let accountKey = order.accountKey;
      if (accountKey === null) {
        accountKey = (await acme.crypto.createPrivateEcdsaKey('P-256')).toString('utf8');
        this.report({ kind: 'account', key: accountKey });
      }
      const client = new acme.Client({ directoryUrl: order.directory, accountKey, ...pollMs });
      const [key, csr] = await acme.crypto.createCsr(
        { altNames: [order.host] },
        await acme.crypto.createPrivateEcdsaKey('P-256'),
      );
      const chain = await client.auto({
        csr,
        termsOfServiceAgreed: true,
        ...(order.email === null ? {} : { email: order.email }),
        challengePriority: [order.challenge],
        // The proxy may not be reachable from where it runs by the names that it serves.
        skipChallengeVerification: true,
        challengeCreateFn: async (authorization, { type, token }, answer) => {
          if (type !== order.challenge)
            throw new Error(
              `the authority offers no ${order.challenge} for ${authorization.identifier.value}`,
            );
          let challenge: Challenge;
          if (type === 'http-01') challenge = { kind: 'http-01', token, answer };
          else {
            const { proofCertificate } = await import('./self-signed.ts');
            challenge = {
              kind: 'tls-alpn-01',
              host: order.host,
              ...(await proofCertificate(order.host, answer)),
            };
          }
          this.ready = Promise.withResolvers<void>();
          this.report({ kind: 'challenge', challenge });
          await this.ready.promise;
        },
        // The keeper takes it back when this process has ended, whatever its end was.
        challengeRemoveFn: () => Promise.resolve(),
      });
      return { kind: 'obtained', chain, key: key.toString('utf8') };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      // A proof that failed is told in a good answer: then the library's words say why.
      const { trouble } = carrier;
      return {
        kind: 'failed',
        message: (trouble === null ? message : trouble.text).slice(0, 2000),
        retryAfterMs: trouble?.retryAfterMs ?? null,
      };
    }
  }
}

async function standIn(): Promise<IssuerReport> {
  const { standInCertificate } = await import('./self-signed.ts');
  const { certificate, key } = await standInCertificate();
  return { kind: 'obtained', chain: certificate, key };
}

/**
 * Runs the process that obtains one certificate, which a keeper has started (`askIssuer`) and ends when it has the answer. It ends
 * with its keeper, too.
 */
export function runIssuerProcess(): void {
  if (!process.connected) {
    process.stderr.write('this process is started by the proxy, not by hand; see cutover proxy --help\n');
    process.exitCode = 2;
    return;
  }
  const report = (message: IssuerReport): void => void process.send?.(message);
  const issuer = new Issuer(report);
  const end = async (answer: Promise<IssuerReport>): Promise<void> => {
    report(
      await answer.catch((error: unknown) => ({
        kind: 'failed' as const,
        message: error instanceof Error ? error.message : String(error),
        retryAfterMs: null,
      })),
    );
    // It is ended by its keeper, which has the answer then.
  };
  // A terminal's signals reach the whole group; the keeper judges.
  process.on('SIGINT', () => undefined);
  process.on('SIGHUP', () => undefined);
  process.on('disconnect', () => process.exit(0));
  process.on('message', (message: unknown) => {
    const order = IssuerOrder.parse(message);
    if (order.kind === 'ready') issuer.proceed();
    else void end(order.kind === 'obtain' ? issuer.obtain(order) : standIn());
  });
  report({ kind: 'listening' });
}

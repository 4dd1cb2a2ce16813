import type { KeeperProcessOptions } from './keeper/keeper-process.ts';

export type { KeeperProcessOptions };

// Each loads its own code only: the keeper knows nothing of requests, and no worker pays for what the keeper can do.

/** The keeper's whole life in this process; resolves when it has stopped. See `runKeeperProcess`. */
export async function runKeeper(options: KeeperProcessOptions): Promise<void> {
  const { runKeeperProcess } = await import('./keeper/keeper-process.ts');
  await runKeeperProcess(options);
}

/** A worker's whole life in this process, to be started by `workerCommand` of a keeper. Resolves when it has begun. */
export async function runWorker(): Promise<void> {
  const [{ runWorkerProcess }, { createDataPlane }, { connectionCap, descriptorLimit }] = await Promise.all([
    import('./keeper/worker-process.ts'),
    import('./worker/data-plane.ts'),
    import('./worker/connection-cap.ts'),
  ]);
  runWorkerProcess(createDataPlane({ limits: { connections: connectionCap(descriptorLimit()) } }));
}

/** The life of the process that mirrors, to be started by `mirrorCommand` of a keeper. Resolves when it has begun. */
export async function runMirror(): Promise<void> {
  const { runMirrorProcess } = await import('./mirror/mirror-process.ts');
  runMirrorProcess();
}

/**
 * The life of the process that asks an authority for one certificate, to be started by `issuerCommand` of a keeper. Resolves when it has
 * begun.
 */
export async function runIssuer(): Promise<void> {
  const { runIssuerProcess } = await import('./acme/issuer-process.ts');
  runIssuerProcess();
}

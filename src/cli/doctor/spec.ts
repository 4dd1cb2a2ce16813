import { existsSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { loadSpec } from '../../config/load.ts';
import { formatAddress } from '../../core/address-text.ts';
import type { Address } from '../../core/address.ts';
import { CutoverError } from '../../core/errors.ts';
import type { Spec } from '../../core/spec.ts';
import type { StatusView } from '../../server/api.ts';
import { fail, ok, warn, type Finding } from './finding.ts';
import { bindTrouble } from './machine.ts';

/** The spec, the addresses that it wants, and the programs that it names. */
export async function specFindings(file: string | undefined, status: StatusView | null): Promise<Finding[]> {
  if (file === undefined)
    return [
      warn('spec', 'none in this folder', 'cutover init writes one; --spec FILE names one that is elsewhere'),
    ];
  try {
    const { spec, base } = await loadSpec(file);
    return [
      ok('spec', `${file}: service ${spec.service}`),
      ...addresses(spec, status),
      ...programs(spec, base),
    ];
  } catch (error) {
    if (!(error instanceof CutoverError)) throw error;
    const problems = error.detail.problems ?? [];
    const found = problems.length > 1 ? `${error.message}: ${problems.join('; ')}` : error.message;
    return [fail('spec', found, error.next ?? 'mend the spec')];
  }
}

function addresses({ service, router }: Spec, status: StatusView | null): Finding[] {
  const ours = status?.services.find(({ name }) => name === service);
  const look = (name: string, address: Address, held: string | null | undefined): Finding => {
    const text = formatAddress(address);
    if (held === text) return ok(name, `${text}, held by our proxy`);
    const trouble = bindTrouble(address.host, address.port);
    if (trouble === null) return ok(name, `${text} is free`);
    if (trouble === 'EACCES') {
      return fail(
        name,
        `${text}: not allowed`,
        'use a port from 1024 up, or allow it: sysctl net.ipv4.ip_unprivileged_port_start, or setcap cap_net_bind_service',
      );
    }
    if (trouble === 'EADDRINUSE') {
      return fail(
        name,
        `${text} is taken by another program`,
        `ss -ltnp 'sport = :${address.port}' shows which; stop it, or change router in the spec`,
      );
    }
    return fail(
      name,
      `${text}: ${trouble}`,
      'see that this machine has that address, or change router in the spec',
    );
  };
  const findings = [look('listen', router.listen, ours?.listen)];
  if (router.preview) findings.push(look('preview', router.preview, ours?.preview));
  return findings;
}

/** The first word of every command in the spec: on the PATH, or in the artifact where that is a directory. */
function programs(spec: Spec, base: string): Finding[] {
  const { layers } = spec.environments;
  const artifact = resolve(base, spec.release.from);
  const directory = statSync(artifact, { throwIfNoEntry: false })?.isDirectory() === true ? artifact : null;
  const wanted = new Map<string, string>();
  for (const [name, { command, health }] of Object.entries(layers)) {
    if (command[0] !== undefined) wanted.set(command[0], `layer ${name}`);
    if (health?.command?.[0] !== undefined) wanted.set(health.command[0], `health of ${name}`);
  }
  for (const [program] of spec.release.build) if (program !== undefined) wanted.set(program, 'build');
  for (const { command } of spec.checks) if (command?.[0] !== undefined) wanted.set(command[0], 'a check');
  return [...wanted].map(([program, use]) => {
    const look = `program ${program}`;
    if (!program.includes('/')) {
      const path = Bun.which(program);
      return path === null
        ? fail(look, `not on the PATH (for ${use})`, `install ${program}, or name it by its path`)
        : ok(look, `${path} (for ${use})`);
    }
    if (isAbsolute(program)) {
      return existsSync(program)
        ? ok(look, `there (for ${use})`)
        : fail(look, `absent (for ${use})`, 'install it, or change the command in the spec');
    }
    if (directory === null || existsSync(join(directory, program)))
      return ok(look, `in the artifact (for ${use})`);
    return warn(look, `not in ${directory} (for ${use})`, 'fine if a build command makes it');
  });
}

// Readies hosts for a release, as `platform.ship.command`: puts what the release has under `host-files/` onto each of them, by ssh. What is there already stays
// as it is, so that it may be run again at any time.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const { hosts } = JSON.parse(readFileSync(process.env.CUTOVER_INVENTORY, 'utf8')).all;
const files = spawnSync('tar', ['-C', 'host-files', '-cf', '-', '.']);
if (files.status !== 0) throw new Error(files.stderr.toString());

for (const [name, host] of Object.entries(hosts)) {
  const { status, stderr } = spawnSync(
    'ssh',
    [
      ...['-F', 'none', '-o', 'BatchMode=yes', '-o', `UserKnownHostsFile="${host.cutover_known_hosts}"`],
      ...['-i', host.ansible_ssh_private_key_file, '-p', String(host.ansible_port)],
      ...(host.cutover_jump.length > 0 ? ['-J', host.cutover_jump.join(',')] : []),
      `${host.ansible_user}@${host.ansible_host}`,
      'mkdir -p shop && tar -C shop -xf -',
    ],
    { input: files.stdout },
  );
  if (status !== 0) {
    console.error(`${name}: ${stderr}`);
    process.exit(1);
  }
  console.log(`${name}: ready for release ${process.env.CUTOVER_RELEASE}`);
}

import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';

/** The name of the user that this process runs as. The runtime tells that of the environment, which a service may not have. */
export function loginName(): string {
  const { username, uid } = userInfo();
  if (username !== 'unknown' && username !== '') return username;
  try {
    const line = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((each) => each.split(':')[2] === String(uid));
    return line?.split(':')[0] ?? username;
  } catch {
    return username; // The host then says whom it refuses.
  }
}

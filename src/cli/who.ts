import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Who gives an order, if `--by` does not say: `user@host`. */
export function whoAmI(): string {
  const uid = process.getuid?.();
  const user = (process.env['USER'] ?? process.env['LOGNAME']) || userOf(uid) || `uid-${uid ?? 'unknown'}`;
  return `${user}@${hostname()}`.slice(0, 200);
}

/** The name of a user in the system's table; Bun's `os.userInfo` knows it from the environment only. */
function userOf(uid: number | undefined): string | undefined {
  try {
    const line = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((each) => each.split(':')[2] === String(uid));
    return line?.split(':')[0];
  } catch {
    return undefined; // No such table here; the number of the user will do.
  }
}

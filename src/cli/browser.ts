import { spawn } from 'node:child_process';

/** How long a program may take to say that it cannot. */
const soonMs = 1500;

/**
 * The programs that may open an address, in the order in which they are tried: those of `BROWSER` (a list with colons, as others read it;
 * `%s` stands for the address), then that of the system. Argument vectors: no shell reads the address.
 */
export function browserCommands(
  url: string,
  platform: string,
  env: Readonly<Record<string, string | undefined>>,
): string[][] {
  const chosen = (env['BROWSER'] ?? '')
    .split(':')
    .map((text) => text.split(/\s+/).filter((word) => word !== ''))
    .filter((words) => words.length > 0)
    .map((words) => {
      const named = words.some((word) => word.includes('%s'));
      return named ? words.map((word) => word.replaceAll('%s', url)) : [...words, url];
    });
  if (platform === 'darwin') return [...chosen, ['open', url]];
  // Without a screen it would find nothing but a browser for terminals, which takes this one.
  const screen = (env['DISPLAY'] ?? '') !== '' || (env['WAYLAND_DISPLAY'] ?? '') !== '';
  return screen ? [...chosen, ['xdg-open', url]] : chosen;
}

/** Tries them in turn; the one that opened it, or null if none did. What it writes is thrown away, and it is not waited for. */
export async function openInBrowser(commands: readonly (readonly string[])[]): Promise<string | null> {
  for (const [program = '', ...args] of commands) if (await begins(program, args)) return program;
  return null;
}

/** Whether it ends well or is still there after a moment: some browsers end with their last window. */
function begins(program: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { detached: true, stdio: 'ignore' });
    const timer = setTimeout(() => {
      child.unref();
      resolve(true);
    }, soonMs);
    const end = (well: boolean): void => {
      clearTimeout(timer);
      resolve(well);
    };
    child.once('error', () => end(false));
    child.once('exit', (code) => end(code === 0));
  });
}

import { readFileSync } from 'node:fs';
import { CutoverError } from '../../core/errors.ts';

const read = (path: string): string | null => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null; // The process has ended.
  }
};

/** nginx's master process and its workers, as /proc shows them. */
export class NginxMaster {
  constructor(private readonly pidFile: string) {}

  /** @throws CutoverError `router-absent` if nginx does not run */
  pid(): number {
    const pid = Number(read(this.pidFile)?.trim());
    if (Number.isInteger(pid) && pid > 0 && this.title(pid).includes('nginx')) return pid;
    throw new CutoverError('router-absent', `nginx does not run: ${this.pidFile} names no process of it`, {
      next: 'start nginx, or name its pid file under router.nginx.pid',
    });
  }

  /** Its workers that take connections. */
  taking(): number[] {
    const pid = this.pid();
    const children = (read(`/proc/${pid}/task/${pid}/children`) ?? '').trim().split(/\s+/).filter(Boolean);
    return children
      .map(Number)
      .filter((child) => this.title(child).includes('worker process') && !this.ending(child));
  }

  /** A worker has stopped to take connections, and closed those that rested. */
  ending = (worker: number): boolean => {
    const title = this.title(worker);
    return title === '' || title.includes('shutting down');
  };

  /** The tables of TCP connections of the network that nginx is in. */
  tables(): string[] {
    const pid = this.pid();
    return [read(`/proc/${pid}/net/tcp`), read(`/proc/${pid}/net/tcp6`)].filter((table) => table !== null);
  }

  private title = (pid: number): string => (read(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ').trim();
}

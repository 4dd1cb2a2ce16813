import { readFileSync } from 'node:fs';
import { libc, linux, systemCallError } from './libc.ts';

interface Mapping {
  readonly from: number;
  readonly bytes: number;
}

/**
 * The mappings of files that nobody can write, and of which this process has written no page before they became so (relocations):
 * what they hold stands in the file.
 *
 * @param smaps the text of /proc/PID/smaps (proc(5))
 */
export function unwrittenMappings(smaps: string): Mapping[] {
  const found: Mapping[] = [];
  let candidate: Mapping | null = null;
  for (const line of smaps.split('\n')) {
    // Address range, permissions, offset, device, inode: 0 if there is no file.
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+)/.exec(line);
    if (head) {
      const [, from = '', to = '', permissions = '', inode = '0'] = head;
      const start = parseInt(from, 16);
      const isFile = inode !== '0' && permissions.startsWith('r-') && permissions.endsWith('p');
      candidate = isFile ? { from: start, bytes: parseInt(to, 16) - start } : null;
    } else if (candidate !== null && /^Anonymous:\s+0 kB$/.test(line)) {
      found.push(candidate);
      candidate = null;
    }
  }
  return found;
}

/**
 * Lets go of the pages of program files that this process has in memory. Most were needed only to start: to read, translate and
 * compile the source. What is used again comes back from the page cache, some pages at a time, each time at the cost of a minor fault.
 *
 * @throws SystemCallError if the kernel refuses; Error if /proc cannot be read
 */
export function letGoOfProgramPages(): void {
  for (const { from, bytes } of unwrittenMappings(readFileSync('/proc/self/smaps', 'latin1')))
    if (libc().madvise(from, bytes, linux.MADV_DONTNEED) !== 0) throw systemCallError('madvise');
}

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DiffReport } from '../../core/mirror/diff-report.ts';

const reportsKept = 20;
const name = /^[a-z0-9][a-z0-9-]{0,63}$/;
/** Longer than any that is written. */
const longestBytes = 64 * 1024 * 1024;

/** Where the reports of mirrors are: `SERVICE/ID.json`, for this user alone; the newest of each service are kept. */
export class ReportFolder {
  constructor(private readonly path: string) {}

  /** The text of a report; null if there is none. */
  text(service: string, id: string): string | null {
    if (!name.test(service) || !name.test(id)) return null;
    try {
      const path = this.#fileOf(service, id);
      return statSync(path).size > longestBytes ? null : readFileSync(path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    }
  }

  /** The report; null if there is none that can be read. */
  read(service: string, id: string): DiffReport | null {
    const text = this.text(service, id);
    if (text === null) return null;
    try {
      return DiffReport.parse(JSON.parse(text));
    } catch {
      // Of another version, or damaged: the counts begin anew.
      return null;
    }
  }

  /** The id of the report that was written last; null if there is none. */
  newest(service: string): string | null {
    return name.test(service) ? (this.#byAge(service)[0] ?? null) : null;
  }

  write(report: DiffReport): void {
    const { service, id } = report;
    if (!name.test(service) || !name.test(id)) throw new Error(`no name for a report: ${service} ${id}`);
    mkdirSync(join(this.path, service), { recursive: true, mode: 0o700 });
    const path = this.#fileOf(service, id);
    // A reader finds the former report or this one. It is written each second: what a crash of the machine takes is measured anew.
    writeFileSync(`${path}.tmp`, JSON.stringify(report), { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
  }

  /** Removes all but the newest of a service. */
  prune(service: string): void {
    for (const id of this.#byAge(service).slice(reportsKept))
      rmSync(this.#fileOf(service, id), { force: true });
  }

  #fileOf(service: string, id: string): string {
    return join(this.path, service, `${id}.json`);
  }

  #byAge(service: string): string[] {
    let files: string[];
    try {
      files = readdirSync(join(this.path, service));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
    return files
      .filter((file) => file.endsWith('.json'))
      .map((file) => ({
        id: file.slice(0, -5),
        at: statSync(join(this.path, service, file), { throwIfNoEntry: false })?.mtimeMs ?? 0,
      }))
      .sort((a, b) => b.at - a.at)
      .map(({ id }) => id);
  }
}

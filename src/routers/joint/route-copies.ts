import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import type { Route } from '../../core/traffic.ts';
import { writeDurably } from '../../proxy/table/durable-file.ts';
import { parseTable, renderTable } from '../../proxy/table/table-file.ts';
import type { RouteCopies } from './decided-routes.ts';

/** The copies in a home: a folder for each service, a file for each epoch, so that two controllers never write the same. */
export class RouteCopyFiles implements RouteCopies {
  readonly #folder: string;
  readonly #read = new Map<string, Route>();

  constructor(home: string) {
    this.#folder = join(home, 'joint');
  }

  at(service: string, epoch: number): Route | undefined {
    if (epoch === 0) return undefined;
    const path = join(this.#folder, service, `${epoch}.json`);
    const known = this.#read.get(path);
    if (known) return known;
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
      throw cause;
    }
    const table = parseTable(text);
    const route = 'damage' in table ? undefined : table.routes[0];
    if (route?.service !== service || route.epoch !== epoch)
      throw new CutoverError(
        'state-damaged',
        `${path}: expected the route of ${service} with epoch ${epoch}, found ${'damage' in table ? table.damage : 'another'}`,
        { next: 'remove the file, then switch or set the mode once: every proxy is told anew' },
      );
    this.#read.set(path, route);
    return route;
  }

  keep(route: Route, decided: number): void {
    const { service, epoch } = route;
    const folder = join(this.#folder, service);
    const path = join(folder, `${epoch}.json`);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeDurably(
        `${path}.tmp`,
        renderTable({ version: epoch, routes: [route], removed: [], standings: [] }),
      );
      renameSync(`${path}.tmp`, path);
      const fd = openSync(folder, 'r');
      try {
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      for (const name of readdirSync(folder))
        if (Number.parseInt(name, 10) < decided) {
          rmSync(join(folder, name), { force: true });
          this.#read.delete(join(folder, name));
        }
    } catch (cause) {
      throw new CutoverError(
        'io-failed',
        `the route of ${service} could not be kept at ${path}: ${errorRecord(cause).message}`,
        { next: `check the disk and the rights of ${this.#folder}; nothing was changed`, cause },
      );
    }
    this.#read.set(path, route);
  }
}

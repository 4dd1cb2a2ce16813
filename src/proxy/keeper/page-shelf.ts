import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readPage } from '../../config/page-file.ts';
import { CutoverError } from '../../core/errors.ts';
import { Page } from '../../core/page.ts';
import type { Route } from '../../core/traffic.ts';
import { replacePrivately } from './private-file.ts';

const Shelf = z.object({ format: z.literal(1), pages: z.array(z.tuple([z.string(), Page])) });

/** Pages that no route names any more are kept up to so many, the latest: a rollback names them again. */
const formerKept = 32;

/**
 * The pages that routes name, with what they said when their route was last put in force. They are kept on disk (`pages.json`): a file that
 * was moved since must neither change what users see after a restart nor stand in the way of a rollback.
 */
export class PageShelf {
  private readonly path: string;
  /** The latest last. */
  private kept = new Map<string, Page>();
  private readonly problems = new Map<string, string>();

  constructor(
    directory: string,
    private readonly log: (line: string) => void,
  ) {
    this.path = join(directory, 'pages.json');
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch {
      return;
    }
    try {
      this.kept = new Map(Shelf.parse(JSON.parse(text)).pages);
    } catch (error) {
      log(`${this.path} is not used: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** What the files say of which a page is not as it should be: for people. */
  get warnings(): string[] {
    return [...this.problems.values()];
  }

  get pages(): Record<string, Page> {
    return Object.fromEntries(this.kept);
  }

  /**
   * Reads the pages of a route that is to be put in force. One that cannot be read stays as it was.
   *
   * @returns whether anything has changed
   * @throws CutoverError `page-invalid` for one that cannot be read and never was; nothing has changed then
   */
  read({ errorPages = {}, service }: Route, routes: readonly Route[]): boolean {
    const before = new Map(this.kept);
    const problems = new Map<string, string>();
    const next = new Map(this.kept);
    for (const path of new Set(Object.values(errorPages))) {
      const former = next.get(path);
      next.delete(path);
      try {
        next.set(path, readPage(path));
      } catch (error) {
        if (former === undefined || !(error instanceof CutoverError)) throw error;
        next.set(path, former);
        problems.set(path, `service ${service}: ${error.message}; what it said before is served`);
      }
    }
    const others = routes.filter((route) => route.service !== service);
    const named = new Set(
      [...others.map((route) => route.errorPages ?? {}), errorPages].flatMap((each) => Object.values(each)),
    );
    let spare = [...next.keys()].filter((path) => !named.has(path)).length - formerKept;
    for (const path of next.keys()) if (spare > 0 && !named.has(path)) spare -= Number(next.delete(path));
    this.kept = next;
    for (const path of this.problems.keys()) if (!named.has(path)) this.problems.delete(path);
    for (const path of Object.values(errorPages)) this.problems.delete(path);
    for (const [path, problem] of problems) {
      this.problems.set(path, problem);
      this.log(problem);
    }
    if (Bun.deepEquals(before, next)) return false;
    this.write();
    return true;
  }

  /** At the start of a keeper: reads what the routes name and is not on the shelf. */
  fill(routes: readonly Route[]): void {
    for (const { service, errorPages = {} } of routes)
      for (const path of Object.values(errorPages)) {
        if (this.kept.has(path)) continue;
        try {
          this.kept.set(path, readPage(path));
        } catch (error) {
          const problem = `service ${service}: ${error instanceof Error ? error.message : String(error)}; a line of text is sent instead`;
          this.problems.set(path, problem);
          this.log(problem);
        }
      }
  }

  private write(): void {
    try {
      replacePrivately(this.path, `${JSON.stringify({ format: 1, pages: [...this.kept] })}\n`);
    } catch (error) {
      // They are served nevertheless; only the next keeper would have to read the files.
      this.log(
        `${this.path} could not be written: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}

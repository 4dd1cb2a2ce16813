import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CutoverError } from '../../core/errors.ts';
import { emptyTable, ProxyTable } from './table.ts';
import { writeDurably } from './durable-file.ts';

const Envelope = z.strictObject({
  format: z.literal(1),
  /** Of the content as JSON without blanks, in the order of keys in which it stands. */
  sha256: z.string(),
  content: z.unknown(),
});

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The text of a table file. */
export function renderTable(table: ProxyTable): string {
  const content = JSON.stringify(ProxyTable.parse(table));
  return `{"format":1,"sha256":"${sha256(content)}","content":${content}}\n`;
}

/** The table in the text of a table file, or why it is not to be trusted: a wrong colour would be worse than none. */
export function parseTable(text: string): ProxyTable | { readonly damage: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { damage: `it is not whole JSON (${error instanceof Error ? error.message : String(error)})` };
  }
  const envelope = Envelope.safeParse(json);
  if (!envelope.success)
    return {
      damage: `it has not the form of a table file (${envelope.error.issues[0]?.message ?? 'unknown'})`,
    };
  if (sha256(JSON.stringify(envelope.data.content)) !== envelope.data.sha256)
    return { damage: 'its checksum does not fit its content' };
  const table = ProxyTable.safeParse(envelope.data.content);
  return table.success ? table.data : { damage: `its content is wrong (${z.prettifyError(table.error)})` };
}

/** A table that is on disk but not yet in force. */
export interface PreparedTable {
  /** Puts it in force on disk: two renames and one fsync. */
  commit(): void;
  /** Forgets it. Does nothing after `commit`. */
  discard(): void;
}

/** What was found at start: the table to route by, and what is wrong with the files, for people. */
export interface LoadedTable {
  readonly table: ProxyTable;
  readonly warnings: readonly string[];
}

/**
 * The routing table on disk: `table.json`, and `table.copy.json`, a second file with the same content. An acknowledged change
 * stands in both, so that when one is damaged the other has the right colour; an older table would not.
 */
export class TableFile {
  private readonly path: string;
  private readonly copyPath: string;

  constructor(private readonly directory: string) {
    this.path = join(directory, 'table.json');
    this.copyPath = join(directory, 'table.copy.json');
  }

  /**
   * Reads both files, takes the newer one that is whole, and mends the other. A damaged file is kept beside as `….damaged`.
   * With neither whole, an empty table.
   */
  load(): LoadedTable {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    const warnings: string[] = [];
    const whole: ProxyTable[] = [];
    let mend = false;
    for (const path of [this.path, this.copyPath]) {
      if (!existsSync(path)) {
        mend = true;
        continue;
      }
      const found = parseTable(readFileSync(path, 'utf8'));
      if ('damage' in found) {
        mend = true;
        renameSync(path, `${path}.damaged`);
        warnings.push(`state-damaged: ${path} is not used: ${found.damage}; it is kept as ${path}.damaged`);
      } else whole.push(found);
    }
    const [first, second] = whole;
    if (!first) {
      if (warnings.length)
        warnings.push(
          'state-damaged: no table file is whole, so the proxy starts with no routes until they are applied anew',
        );
      return { table: emptyTable, warnings };
    }
    const table = second && second.version > first.version ? second : first;
    if (mend || first.version !== second?.version) {
      this.prepare(table).commit();
    }
    if (warnings.length) warnings.push(`the other copy is whole: table version ${table.version} is in force`);
    return { table, warnings };
  }

  /** Writes the table to temporary files and makes sure that they are on disk. What is in force stays. */
  prepare(table: ProxyTable): PreparedTable {
    const text = renderTable(table);
    const temporary = `${this.path}.tmp`;
    const temporaryCopy = `${this.copyPath}.tmp`;
    this.guarded('written', () => {
      for (const path of [temporary, temporaryCopy]) writeDurably(path, text);
    });
    let committed = false;
    return {
      commit: () => {
        this.guarded('replaced', () => {
          committed = true;
          renameSync(temporary, this.path);
          // A crash between the two leaves the newer one in `table.json`, which `load` prefers.
          renameSync(temporaryCopy, this.copyPath);
          this.syncDirectory();
        });
      },
      discard: () => {
        if (!committed) for (const path of [temporary, temporaryCopy]) rmSync(path, { force: true });
      },
    };
  }

  /** A rename is on disk only when its directory is (fsync(2)). */
  private syncDirectory(): void {
    const fd = openSync(this.directory, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  private guarded(what: string, action: () => void): void {
    try {
      action();
    } catch (cause) {
      const full =
        cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT');
      throw new CutoverError(
        full ? 'disk-full' : 'io-failed',
        `the routing table ${this.path} could not be ${what}: ${cause instanceof Error ? cause.message : String(cause)}`,
        {
          next: full
            ? `make room on the disk of ${this.directory}, then try again`
            : `check the disk and the rights of ${this.directory}`,
          cause,
        },
      );
    }
  }
}

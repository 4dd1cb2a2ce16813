import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Role, roles } from './role.ts';

/** What is kept of an instance's role. */
export interface RoleRecord {
  readonly role: Role;
  /** The share of the traffic that a balancer may give it, in percent of what it gives others. */
  readonly weight: number;
  /** When it got this role, in milliseconds since 1970; 0: it never got another. */
  readonly since: number;
  /** Of the newest order that carried one; absent: none did. An older one is refused. */
  readonly epoch?: number;
}

export const heaviest = 256;

/** Larger than any that is written here. */
const mostBytes = 4096;

/** Throws what is wrong with the text. */
export function parseRoleRecord(text: string): RoleRecord {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error('it is no JSON object');
  const { format, role, weight, since, epoch } = value as Readonly<Record<string, unknown>>;
  if (format !== 1) throw new Error(`format ${String(format)} is not known`);
  const known = roles.find((each) => each === role);
  if (known === undefined) throw new Error('it names no role');
  if (!isWeight(weight)) throw new Error('it has no weight');
  if (typeof since !== 'number' || !Number.isSafeInteger(since) || since < 0)
    throw new Error('it has no time');
  if (epoch === undefined) return { role: known, weight, since };
  if (!isEpoch(epoch)) throw new Error('it has an epoch that is none');
  return { role: known, weight, since, epoch };
}

export const isEpoch = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

export const isWeight = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= heaviest;

/**
 * The role of an instance in a file, so that it survives restarts of the instance and of the machine, and so that all processes of a program
 * that runs in several know it.
 */
export class RoleFile {
  constructor(
    readonly path: string,
    /** What holds while there is no file. */
    private readonly initial: Role,
  ) {}

  /** Throws if the file is there and is none of ours: a role is never guessed. */
  read(): RoleRecord {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
        return { role: this.initial, weight: 100, since: 0 };
      throw error;
    }
    try {
      if (text.length > mostBytes) throw new Error(`it has ${text.length} characters`);
      return parseRoleRecord(text);
    } catch (cause) {
      const found = cause instanceof Error ? cause.message : String(cause);
      throw new Error(
        `${this.path}: expected the role of an instance, found that ${found}; remove the file and set the role anew`,
        { cause },
      );
    }
  }

  /** When it returns, the record is on disk: whoever opens the file, also after a crash of the machine, finds what was before or all of the new. */
  write(record: RoleRecord): void {
    const temporary = `${this.path}.${process.pid}.tmp`;
    const fd = openSync(temporary, 'w', 0o600);
    try {
      writeFileSync(fd, `${JSON.stringify({ format: 1, ...record })}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, this.path);
    // A rename is on disk only when its directory is (fsync(2)).
    const directory = openSync(dirname(this.path), 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  }
}

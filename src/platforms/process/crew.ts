import { alive, isSame, type ProcessSeen, type ProcessTable } from './process-table.ts';
import type { ProcessIdentity } from './record.ts';

/** How the processes of an instance, an environment or a build are recognised. */
export interface CrewMarks {
  /** Their tags begin with it. */
  readonly tagPrefix: string;
  /** The processes that we started, each the leader of a session of its own. */
  readonly leaders: readonly ProcessIdentity[];
  /** Where the releases are: what works there and is in a leader's session is ours although its leader is gone. */
  readonly releases: string;
}

/**
 * Finds the processes that belong together: a leader that we started and all that came from it, by session, by tag and by
 * parent, so that children that left its process group or wiped their environment are found too. It remembers whom it saw, since a session's number is not given to
 * others while one of its members is left. A process that none of this proves to be ours is never in the answer, nor are
 * we ourselves and our parent.
 */
export class Crew {
  #known: readonly ProcessSeen[] = [];
  #sessions: ReadonlySet<number> = new Set();

  constructor(
    readonly table: ProcessTable,
    readonly marks: CrewMarks,
  ) {}

  find(): readonly ProcessSeen[] {
    const { table, marks } = this;
    const all = table.all();
    const byPid = new Map(all.map((seen) => [seen.pid, seen]));
    const isThere = (known: ProcessIdentity): boolean => {
      const seen = byPid.get(known.pid);
      return seen !== undefined && isSame(seen, known);
    };
    const sessions = new Set(this.#known.filter(isThere).map((known) => known.session));
    for (const session of sessions) if (!this.#sessions.has(session)) sessions.delete(session);
    for (const leader of marks.leaders) {
      if (isThere(leader)) sessions.add(leader.pid);
      // The number of a leader that is gone may be another's by now; only what works in a release shows that it is not.
      else if (!byPid.has(leader.pid) && this.#isOrphaned(leader, all)) sessions.add(leader.pid);
    }
    const ids = new Set<number>();
    for (let grows = true; grows;) {
      grows = false;
      for (const seen of all) {
        if (ids.has(seen.pid) || isOurselves(seen.pid)) continue;
        const tag = table.tag(seen.pid);
        const isOurs =
          sessions.has(seen.session) ||
          tag?.startsWith(marks.tagPrefix) === true ||
          (tag === null && ids.has(seen.parent));
        if (!isOurs) continue;
        ids.add(seen.pid);
        if (seen.session === seen.pid) sessions.add(seen.pid);
        grows = true;
      }
    }
    this.#sessions = sessions;
    this.#known = all.filter((seen) => !seen.ended && ids.has(seen.pid));
    return this.#known;
  }

  /** Those of the last `find` that are left; cheaper than to look at every process of the machine. */
  left(): readonly ProcessSeen[] {
    return this.#known.filter((known) => alive(this.table, known));
  }

  /** Whether every process of this group is ours: one that a user marked by hand in a shell does not make the shell ours. */
  ownsGroup(group: number): boolean {
    return group > 1 && this.#sessions.has(group);
  }

  #isOrphaned(leader: ProcessIdentity, all: readonly ProcessSeen[]): boolean {
    const releases = `${this.marks.releases}/`;
    return all.some(
      (seen) =>
        seen.session === leader.pid &&
        seen.bootId === leader.bootId &&
        `${this.table.workingDirectory(seen.pid) ?? ''}/`.startsWith(releases),
    );
  }
}

const isOurselves = (pid: number): boolean => pid < 2 || pid === process.pid || pid === process.ppid;

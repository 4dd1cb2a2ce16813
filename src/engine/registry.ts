import { Course } from './course.ts';
import { Interventions } from './interventions.ts';
import { Meetings } from './meetings.ts';
import { OpenService, type House } from './open-service.ts';
import { serviceUnknown } from './refusals.ts';

/** A service, what is under way with it, and what persons say to that. */
export interface Entry {
  readonly open: OpenService;
  readonly course: Course;
  readonly interventions: Interventions;
}

/** The services that are open, by name. */
export class Registry {
  readonly #entries = new Map<string, Entry>();
  readonly #meetings = new Meetings();
  readonly #opening = new Map<string, Promise<Entry>>();

  constructor(private readonly house: House) {}

  /** Opens a service once, also when it is asked for twice at the same time. */
  async open(name: string): Promise<Entry> {
    const open = this.#entries.get(name);
    if (open) return open;
    const opening = this.#opening.get(name) ?? this.#read(name);
    this.#opening.set(name, opening);
    try {
      return await opening;
    } finally {
      this.#opening.delete(name);
    }
  }

  async #read(name: string): Promise<Entry> {
    const open = await OpenService.open(name, this.house);
    const course = new Course(open, async (peer) => (await this.open(peer)).open, this.#meetings);
    const entry = {
      open,
      course,
      interventions: new Interventions(open, course, async (peer) => (await this.open(peer)).course),
    };
    this.#entries.set(name, entry);
    return entry;
  }

  /** Also one that was only asked for and has no log. */
  find(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  /** Throws `service-unknown`. */
  entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry?.open.journal.exists) return entry;
    throw serviceUnknown(
      name,
      this.known().map(({ open }) => open.name),
    );
  }

  /** Those that have a log, sorted by name. */
  known(): Entry[] {
    return this.all()
      .filter(({ open }) => open.journal.exists)
      .sort((a, b) => (a.open.name < b.open.name ? -1 : 1));
  }

  all(): Entry[] {
    return [...this.#entries.values()];
  }
}

import { CutoverError } from '../core/errors.ts';
import { ServiceEvent, type EventRecord } from '../core/event.ts';

const types = new Set<string>(ServiceEvent.options.map((option) => option.shape.type.value));

/** Where in a store an event is, for messages: the store (a file), the stream and the version. */
export interface EventPlace {
  readonly store: string;
  readonly stream: string;
  readonly version: number;
}

/** The damage of a store, named by place; `found` says what is wrong there. */
export const damaged = (store: string, found: string, cause?: unknown): CutoverError =>
  new CutoverError('store-damaged', `${store}: expected a sound store, found ${found}`, {
    next: `Keep a copy of ${store} and the files beside it that begin with its name, then restore them from a backup. What runs and the routes in force are not touched by this.`,
    ...(cause === undefined ? {} : { cause }),
  });

/** Something that only a newer Cutover can have written. */
export const newer = (store: string, found: string): CutoverError =>
  new CutoverError(
    'store-newer',
    `${store}: expected what this Cutover knows, found ${found}, which a newer Cutover wrote`,
    {
      next: 'Run the newer Cutover again. Nothing was changed in the store.',
    },
  );

/**
 * An event as it is kept, JSON. What could not be read back is never written: an event that the schema refuses (a number that
 * is not finite) throws, before anything is stored.
 */
export function encodeEvent(event: ServiceEvent): { readonly text: string; readonly event: ServiceEvent } {
  const text = JSON.stringify(event);
  const parsed = ServiceEvent.safeParse(JSON.parse(text));
  if (parsed.success) return { text, event: parsed.data };
  throw new CutoverError(
    'internal',
    `event ${event.type}: expected one that can be read back, found ${parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`,
    {
      cause: parsed.error,
    },
  );
}

/** The event that was kept; throws `store-newer` for a type that is not known, `store-damaged` for text that is no event. */
export function decodeEvent(text: string, { store, stream, version }: EventPlace): ServiceEvent {
  const where = `stream ${stream}, version ${version}`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(store, `text that is not JSON in ${where}`, cause);
  }
  const parsed = ServiceEvent.safeParse(value);
  if (parsed.success) return parsed.data;
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined;
  if (typeof type === 'string' && !types.has(type))
    throw newer(store, `an event of type ${JSON.stringify(type.slice(0, 80))} in ${where}`);
  const [issue] = parsed.error.issues;
  throw damaged(
    store,
    `no valid event in ${where} (${issue?.path.join('.')}: ${issue?.message})`,
    parsed.error,
  );
}

/** `version-conflict` in the words of every store. */
export const versionConflict = (stream: string, expected: number, found: number): CutoverError =>
  new CutoverError('version-conflict', `stream ${stream}: expected version ${expected}, found ${found}`, {
    next: 'Read the log again and decide anew.',
  });

/** The records that an append leaves: numbered on from the version it saw. */
export const recordsAfter = (version: number, at: number, events: readonly ServiceEvent[]): EventRecord[] =>
  events.map((event, index) => ({ version: version + index + 1, at, event }));

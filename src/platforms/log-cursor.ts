import { CutoverError } from '../core/errors.ts';

/** How far one log was read: which log, and the position behind what was read. */
export interface LogPlace {
  readonly id: string;
  readonly at: number;
}

/** By layer, then by index; a place is missing where the instance was not read. */
export type LogCursor = ReadonlyMap<string, readonly (LogPlace | undefined)[]>;

const maxCharacters = 12 * 1024;
const layerName = /^[a-z0-9-]{1,40}$/;
const placeText = /^([0-9a-z]{1,12})_([0-9a-z]{1,11})$/;

/**
 * How far the logs of an environment were read, as text that a URL takes as it is: `1`, then for each layer `~NAME` and for each
 * of its instances `.ID_POSITION` (in base 36), or `.` alone. Names in it are looked up among instances that there are; they never make a path.
 */
export function formatLogCursor(
  parts: readonly { readonly layer: string; readonly index: number; readonly next: LogPlace }[],
): string {
  const layers = new Map<string, string[]>();
  for (const { layer, index, next } of parts) {
    const places = layers.get(layer) ?? [];
    places[index] = `${next.id}_${next.at.toString(36)}`;
    layers.set(layer, places);
  }
  const texts = [...layers].map(
    ([layer, places]) => `~${layer}.${Array.from(places, (place) => place ?? '').join('.')}`,
  );
  return `1${texts.join('')}`;
}

/** Throws `request-invalid` for what is no cursor. */
export function parseLogCursor(text: string): LogCursor {
  if (text.length > maxCharacters) throw refused(`${text.length} characters`, 'ask for one layer');
  const [version, ...layers] = text.split('~');
  if (version !== '1') throw refused(JSON.stringify(text.slice(0, 80)));
  const cursor = new Map<string, readonly (LogPlace | undefined)[]>();
  for (const layer of layers) {
    const [name = '', ...places] = layer.split('.');
    if (!layerName.test(name) || cursor.has(name)) throw refused(JSON.stringify(layer.slice(0, 80)));
    cursor.set(name, places.map(parsePlace));
  }
  return cursor;
}

function parsePlace(text: string): LogPlace | undefined {
  if (text === '') return undefined;
  const [, id, position = ''] = placeText.exec(text) ?? [];
  const at = Number.parseInt(position, 36);
  if (id === undefined || !Number.isSafeInteger(at)) throw refused(JSON.stringify(text.slice(0, 80)));
  return { id, at };
}

const refused = (found: string, next = 'leave it out to get the last lines'): CutoverError =>
  new CutoverError(
    'request-invalid',
    `the log cursor: expected \`next\` of an earlier answer; found ${found}`,
    { next },
  );

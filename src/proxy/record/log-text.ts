/**
 * Text of strangers in a line that others read. Control characters could end the line, or lead the terminal of who looks at it; those
 * that turn the direction of writing could hide what stands there.
 */
const unseemly = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/** At most `most` characters; what is left out is told by a mark. */
export const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1))}…`;

const unicode = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

const plain = /^[ !#-[\]-~]*$/;

/** As a JSON string, in which nothing is left that is not shown as itself. */
export const jsonText = (text: string): string =>
  plain.test(text) ? `"${text}"` : JSON.stringify(text).replaceAll(unseemly, unicode);

/** As it stands between quotes in the formats of web servers: visible ASCII as it is, but for quotes and backslashes; of all else each byte as \xHH. */
export function quotedText(text: string): string {
  if (plain.test(text)) return text;
  let quoted = '';
  for (const octet of Buffer.from(text, 'utf8'))
    quoted +=
      octet < 32 || octet > 126 || octet === 34 || octet === 92
        ? `\\x${octet.toString(16).padStart(2, '0')}`
        : String.fromCharCode(octet);
  return quoted;
}

export const hidden = '***';

/** A query in which the values of these parameters are not to be seen. Names are compared as a server would, and in any case. */
export function redactedQuery(query: string, names: ReadonlySet<string>): string {
  if (names.size === 0) return query;
  return query.replaceAll(/([^&;=]+)=([^&;]*)/g, (pair, name: string) =>
    names.has(plainName(name)) ? `${name}=${hidden}` : pair,
  );
}

function plainName(name: string): string {
  const spaced = name.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced).toLowerCase();
  } catch {
    // Not an encoding of UTF-8: a server takes it as it is.
    return spaced.toLowerCase();
  }
}

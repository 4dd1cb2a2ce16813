/** What may stand in a query or a URL as `{{name}}`. */
export interface Placeholders {
  readonly service: string;
  readonly colour: string;
  readonly release: string;
  readonly version: string;
}

export const placeholderNames = ['service', 'colour', 'release', 'version'] as const;
const placeholder = /\{\{\s*([a-z]+)\s*\}\}/g;

/** Names between double braces that stand for nothing. */
export const unknownPlaceholders = (text: string): string[] =>
  [...text.matchAll(placeholder)]
    .map(([, name = '']) => name)
    .filter((name) => !placeholderNames.some((known) => known === name));

const escapes: Readonly<Record<'promql' | 'url', (value: string) => string>> = {
  // In a string of PromQL: nothing in a version may end it.
  promql: (value) =>
    value.replace(/["'`\\\n\r]/g, (char) => `\\${char === '\n' ? 'n' : char === '\r' ? 'r' : char}`),
  url: encodeURIComponent,
};

/** The text with its placeholders filled in, each so that it cannot end the place in which it stands. */
export const filledIn = (text: string, places: Placeholders, within: 'promql' | 'url'): string =>
  text.replaceAll(placeholder, (all, name: string) => {
    const known = placeholderNames.find((each) => each === name);
    return known === undefined ? all : escapes[within](places[known]);
  });

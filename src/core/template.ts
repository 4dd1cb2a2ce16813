import { nearest } from './nearest.ts';

const placeholder = /\{\{\s*([^{}]*?)\s*\}\}/g;

/** The names that stand in a text as `{{name}}`, in their order. */
export const namesIn = (template: string): string[] =>
  [...template.matchAll(placeholder)].map((match) => match[1] ?? '');

/** What is wrong with a template, as a person reads it; null if nothing is. */
export function templateFlaw(template: string, known: readonly string[]): string | null {
  const unknown = namesIn(template).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const meant = nearest(unknown, known);
    return `expected names among ${known.join(', ')}, found {{${unknown}}}${meant ? `; did you mean {{${meant}}}?` : ''}`;
  }
  const rest = template.replace(placeholder, '');
  return rest.includes('{{') || rest.includes('}}')
    ? 'expected each {{ closed by }}, and a name between them'
    : null;
}

/** The text with its names replaced by what they stand for, each value escaped, and what a user wrote around them as it is. */
export const rendered = (
  template: string,
  facts: Readonly<Record<string, string>>,
  escape: (value: string) => string = (value) => value,
): string =>
  template.replace(placeholder, (_, name: string) =>
    escape(Object.hasOwn(facts, name) ? (facts[name] ?? '') : ''),
  );

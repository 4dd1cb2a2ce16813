import { matches, parsePathRule, stepOf, type PathRule, type Step } from './path-rule.ts';
import { shownPath } from './route-pattern.ts';
import type { Redact } from './route-mirror.ts';

export const redacted = '[redacted]';
/** No longer piece of a text is looked through, or shown. */
const longestText = 512;
const longestShown = 200;
const deepest = 16;
const mostMembers = 50;

const secretHeaders = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'x-forwarded-client-cert',
  'authentication-info',
  // Whose request it was is nobody's business here.
  'x-forwarded-for',
  'x-real-ip',
  'forwarded',
]);

/** Words in the name of a field that make it a secret. */
const secretWord =
  /pass(?:word|wd|phrase|code)|passwd|pwd|secret|token|api[-_ ]?key|access[-_ ]?key|private[-_ ]?key|credential|authori[sz]ation|(?:^|[-_.])(?:auth|pin|otp|sid|cvv|cvc|ssn|pass)(?:$|[-_.])|session|cookie|csrf|xsrf|jwt|signature|iban|card[-_ ]?number|bearer/i;

/** What is a secret wherever it stands. */
const secretTexts: readonly RegExp[] = [
  /eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?/g,
  /\b(?:Bearer|Basic|Digest)\s+[A-Za-z0-9._~+/=-]{4,}/gi,
  /-----BEGIN [A-Z ]{1,40}-----[^]*/g,
  /\bAKIA[0-9A-Z]{12,}/g,
  /\b(?:sk|pk|rk|ghp|gho|ghs|xox[abp])[-_][A-Za-z0-9_-]{10,}/g,
  /\b\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,7}\b/g,
];

/** Whether a field of this name is a secret by its name alone. */
const isSecretName = (name: string): boolean => secretWord.test(name.replaceAll(/([a-z])([A-Z])/g, '$1_$2'));

/** Takes secrets out of what a report shows, by rule. Whatever a report says of an answer or a request goes through here. */
export class Redaction {
  readonly #headers: ReadonlySet<string>;
  readonly #names: ReadonlySet<string>;
  readonly #places: readonly PathRule[];
  readonly #patterns: readonly RegExp[];

  constructor({ headers, fields, patterns }: Redact) {
    this.#headers = new Set(headers.map((name) => name.toLowerCase()));
    this.#names = new Set(
      fields.filter((field) => !field.startsWith('$')).map((field) => field.toLowerCase()),
    );
    this.#places = fields.flatMap((field) => {
      const rule = field.startsWith('$') ? parsePathRule(field) : null;
      return rule === null ? [] : [rule];
    });
    this.#patterns = [...secretTexts, ...patterns.map((source) => new RegExp(source, 'gu'))];
  }

  #isSecret(name: string): boolean {
    return this.#names.has(name.toLowerCase()) || isSecretName(name);
  }

  /** A header's value as it may be shown. */
  header(name: string, value: string | undefined): string | null {
    if (value === undefined) return null;
    const lower = name.toLowerCase();
    if (secretHeaders.has(lower) || this.#headers.has(lower) || this.#isSecret(lower)) return redacted;
    return lower === 'location' || lower === 'referer' ? this.target(value) : this.#text(value);
  }

  /** A request's target: a path without what is random in it, and the names in the query with values that are no secrets. */
  target(target: string): string {
    const [path = '', query] = target.slice(0, 4 * longestText).split(/\?(.*)/s);
    const shown = this.#text(shownPath(path));
    return query === undefined ? shown : `${shown}?${this.#form(query)}`;
  }

  /** What stands at a place in JSON; null if nothing does. */
  value(place: readonly Step[] | null, value: unknown): string | null {
    if (value === undefined) return null;
    const at = place ?? [];
    if (at.some((step) => step !== null && this.#isSecret(step)) || this.#isAt(at)) return redacted;
    return cut(this.#text(JSON.stringify(this.#within(at, value, 0))));
  }

  /** A text that says where something is, such as the name of a route. */
  plain(text: string): string {
    return this.#text(text);
  }

  /** A line of a text; all of it is left out if it speaks of a secret. */
  line(line: string): string {
    const text = line.trim().slice(0, longestText);
    return secretWord.test(text) || [...this.#names].some((name) => text.toLowerCase().includes(name))
      ? redacted
      : cut(this.#text(text));
  }

  /** The body of a request, for an example; what is neither JSON nor a form is not shown. */
  body(type: string, text: string, parse: (text: string) => { readonly value: unknown } | undefined): string {
    if (/json/i.test(type)) {
      const parsed = parse(text);
      if (parsed) return this.value([], parsed.value) ?? '';
    } else if (/^application\/x-www-form-urlencoded/i.test(type))
      return cut(this.#form(text.slice(0, 4 * longestText)));
    return `${text.length} characters`;
  }

  #isAt(place: readonly Step[]): boolean {
    return this.#places.some((rule) => matches(rule, place));
  }

  #within(place: readonly Step[], value: unknown, depth: number): unknown {
    if (typeof value === 'string') return this.#text(value);
    if (typeof value !== 'object' || value === null) return value;
    if (depth >= deepest) return '…';
    if (Array.isArray(value)) {
      const list: readonly unknown[] = value;
      return this.#isAt([...place, null])
        ? [redacted]
        : list.slice(0, mostMembers).map((each) => this.#within([...place, null], each, depth + 1));
    }
    if ('toJSON' in value) return value;
    return Object.fromEntries(
      Object.entries(value)
        .slice(0, mostMembers)
        .map(([name, member]) => {
          const at = [...place, stepOf(name)];
          const secret = this.#isSecret(name) || this.#isAt(at);
          return [this.#text(name), secret ? redacted : this.#within(at, member, depth + 1)];
        }),
    );
  }

  #form(text: string): string {
    return text
      .split('&')
      .slice(0, mostMembers)
      .map((pair) => {
        const [name = '', value] = pair.split(/=(.*)/s);
        if (value === undefined) return this.#text(name);
        return `${this.#text(name)}=${this.#isSecret(plain(name)) ? redacted : this.#text(plain(value))}`;
      })
      .join('&');
  }

  /** A text of bounded length without what the patterns find. */
  #text(text: string): string {
    // Cut before it is looked through, so that the time is bounded; what is shown of it is shorter, so that no half of a secret is left.
    let shown = text.slice(0, longestText);
    for (const pattern of this.#patterns) shown = shown.replaceAll(pattern, redacted);
    return cut(shown);
  }
}

const cut = (text: string): string => (text.length > longestShown ? `${text.slice(0, longestShown)}…` : text);

const plain = (text: string): string => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
};

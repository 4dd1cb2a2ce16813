import type { Page } from './page.ts';

/** What a page of a user's own can be, with its media type. It is text in UTF-8, whatever it is. */
export const pageTypes = {
  html: 'text/html; charset=utf-8',
  text: 'text/plain; charset=utf-8',
  json: 'application/json',
  xml: 'application/xml; charset=utf-8',
} as const;
export type PageType = keyof typeof pageTypes;

const characters: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escapes: Readonly<Record<PageType, (text: string) => string>> = {
  html: (text) => text.replace(/[&<>"']/g, (character) => characters[character] ?? ''),
  xml: (text) => text.replace(/[&<>"']/g, (character) => characters[character] ?? ''),
  json: (text) => JSON.stringify(text).slice(1, -1),
  text: (text) => text,
};

/**
 * The text of the page for one answer. What is filled in is escaped for the type of the page, within quotes too: a client may have
 * written it. Other braces stay as they are.
 *
 * @param requestId null if the request has none: a dash
 */
export function fillPage(page: Page, status: number, requestId: string | null): string {
  const escape = escapes[page.type];
  return page.text.replace(/\{(status|requestId)\}/g, (_, name: string) =>
    name === 'status' ? String(status) : escape(requestId ?? '-'),
  );
}

/** What is listed for the status: by itself, else by its class. */
export const pageFor = <T>(pages: Readonly<Record<string, T>>, status: number): T | undefined =>
  pages[String(status)] ?? pages[`${Math.floor(status / 100)}xx`];

/** The path of a request, whatever was sent as its target. HTTP/1.0 names no host, so there may be no more of a URL than that. */
export function pathnameOf(url: string): string {
  const [, path] = /^(?:[a-z][a-z0-9+.-]*:\/\/[^/?#]*)?(\/[^?#]*)/i.exec(url) ?? [];
  return path ?? '/';
}

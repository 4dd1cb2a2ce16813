/**
 * An address as it may be shown: without the user and password in it, and with `?…` for what is behind its question mark, since that is
 * where tokens stand.
 */
export function shownUrl(url: string): string {
  const match = /^(https?:\/\/)(?:[^/?#]*@)?([^/?#]*)([^?#]*)(\?)?/i.exec(url);
  if (!match) return 'an address that cannot be read';
  const [, scheme = '', host = '', path = '', query] = match;
  return `${scheme}${host}${path}${query === undefined ? '' : '?…'}`;
}

/** As `shownUrl`, without the path too: chat services keep their secret there. */
export const shownHost = (url: string): string =>
  /^https?:\/\//i.test(url) ? shownUrl(url).replace(/^(https?:\/\/[^/?]*).*$/i, '$1/…') : shownUrl(url);

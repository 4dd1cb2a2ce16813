import { patternOfPart, variableOf } from './variable-part.ts';

const longestPath = 2048;
const mostParts = 24;
/** The group of what has no place of its own any more. */
export const otherRoutes = 'other';

const pathOf = (target: string): string => {
  const query = target.indexOf('?');
  const path = query === -1 ? target : target.slice(0, query);
  // A whole URI, as a client of a proxy would send it (RFC 9112 §3.2.2).
  return path.startsWith('/') ? path : path.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '') || '/';
};

const decoded = (part: string): string => {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
};

/** The route that a request belongs to, as far as its method and path tell: `GET /orders/{n}`. Its query parts nothing. */
export function routePattern(method: string, target: string): string {
  const path = pathOf(target);
  if (path.length > longestPath) return `${method} ${otherRoutes}`;
  const parts = path.split('/');
  if (parts.length > mostParts) return `${method} ${otherRoutes}`;
  return `${method} ${parts.map((part) => patternOfPart(decoded(part))).join('/')}`;
}

/** The path of a request for an example: what may be a key to something (a long random part) is not told. */
export const shownPath = (target: string): string =>
  pathOf(target)
    .split('/')
    .map((part) => {
      const variable = variableOf(decoded(part));
      return variable === null || variable === '{n}' || variable === '{date}' ? part : variable;
    })
    .join('/');

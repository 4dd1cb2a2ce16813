/** Longer than this is not waited because a receiver asks for it. */
const longestMs = 300_000;

/** What a Retry-After (RFC 9110 §10.2.3: seconds or a date) asks for, in milliseconds; null if it asks for nothing that can be read. */
export function retryAfterMs(value: string | undefined, now: number): number | null {
  if (value === undefined) return null;
  const text = value.trim();
  if (/^\d{1,9}$/.test(text)) return Math.min(longestMs, Number(text) * 1000);
  // Only the form of HTTP: what else Date.parse takes is not meant.
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.min(longestMs, Math.max(0, at - now));
}

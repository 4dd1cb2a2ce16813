const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** What `parseDuration` takes. */
export const durationPattern = /^(0|(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d))$/;

/** Milliseconds of a duration such as `500ms`, `1.5s`, `10m`, `1h`, `7d` or `0`; undefined if it is none. */
export function parseDuration(text: string): number | undefined {
  const match = durationPattern.exec(text);
  if (!match) return undefined;
  if (match[1] === '0') return 0;
  return Math.round(Number(match[2]) * unitMs[match[3] as keyof typeof unitMs]);
}

/** A duration for people: the largest unit first, at most two of them. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0ms';
  if (ms < 1) return `${ms.toFixed(2)}ms`;
  if (ms < 999.5) return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)}ms`;
  if (ms < 59_950) return `${Number((ms / 1000).toFixed(1))}s`;
  let left = Math.round(ms / 1000) * 1000;
  const parts = (['d', 'h', 'm', 's'] as const).map((unit) => {
    const n = Math.floor(left / unitMs[unit]);
    left -= n * unitMs[unit];
    return n ? `${n}${unit}` : '';
  });
  return parts.filter(Boolean).slice(0, 2).join('');
}

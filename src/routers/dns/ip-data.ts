export { isIpv4, parseIp } from '../../core/ip.ts';

/** Four or sixteen octets as an address; IPv6 as RFC 5952 §4 writes it. */
export function formatIp(octets: Uint8Array): string {
  if (octets.length === 4) return [...octets].join('.');
  const words = Array.from({ length: 8 }, (_, at) =>
    (((octets[2 * at] ?? 0) << 8) | (octets[2 * at + 1] ?? 0)).toString(16),
  ).join(':');
  // The longest run of zeros, the first of equal ones.
  const runs = [...words.matchAll(/(?:^|(?<=:))0(?::0)+(?=:|$)/g)].sort(
    (a, b) => b[0].length - a[0].length || a.index - b.index,
  );
  const [run] = runs;
  if (!run) return words;
  const before = words.slice(0, run.index).replace(/:$/, '');
  const after = words.slice(run.index + run[0].length).replace(/^:/, '');
  return `${before}::${after}`;
}

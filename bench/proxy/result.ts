/** What one peer did in one case: the medians of its rounds. */
export interface Row {
  readonly peer: string;
  /** By the operating system's accounting, of the peer and all that descend from it; null: not measured here. */
  readonly cpuUsPerRequest: number | null;
  readonly requestsPerSecond: number | null;
  readonly p99Ms: number | null;
  /** Memory that is resident, of all processes together: megabytes (2^20 bytes). */
  readonly rssMb?: number;
  /** The same with what is shared divided among those who share it. */
  readonly pssMb?: number;
  /** Of it, what is in no file. */
  readonly anonymousMb?: number;
}

/** What was promised of a case, and what came of it. */
export interface Bar {
  /** What ours is compared with: a peer, or ourselves under other conditions. */
  readonly peer: string;
  readonly limit: number;
  /** Ours divided by theirs; with `unit`, ours as it is. */
  readonly ratio: number;
  readonly unit?: 'MB';
  readonly held: boolean;
}

/** A case as it is written to `bench/out/proxy.json`. */
export interface CaseResult {
  readonly name: string;
  readonly rows: readonly Row[];
  readonly bars: readonly Bar[];
  /** Who did not take part, and why. */
  readonly absent?: readonly { readonly peer: string; readonly reason: string }[];
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}

/** The value that `share` (0 to 1) of them do not exceed. */
export function quantile(values: Float64Array, share: number): number {
  const sorted = values.toSorted();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

export const barOf = (peer: string, ours: number, theirs: number, limit: number): Bar => {
  const ratio = Number((ours / theirs).toFixed(3));
  return { peer, limit, ratio, held: ratio <= limit };
};

const cell = (value: number | null | undefined, digits: number, width: number): string =>
  (value === null || value === undefined ? '-' : value.toFixed(digits)).padStart(width);

export function print({ name, rows, bars, absent }: CaseResult): void {
  console.log(`\n${name}`);
  const memory = rows.some(({ rssMb }) => rssMb !== undefined);
  console.log(
    `${'peer'.padEnd(22)}${'µs cpu/request'.padStart(16)}${'requests/s'.padStart(12)}${'p99 ms'.padStart(9)}${memory ? ['RSS MB', 'PSS MB', 'anon MB'].map((title) => title.padStart(9)).join('') : ''}`,
  );
  for (const { peer, cpuUsPerRequest, requestsPerSecond, p99Ms, rssMb, pssMb, anonymousMb } of rows)
    console.log(
      `${peer.padEnd(22)}${cell(cpuUsPerRequest, 2, 16)}${cell(requestsPerSecond, 0, 12)}${cell(p99Ms, 2, 9)}${memory ? [rssMb, pssMb, anonymousMb].map((value) => cell(value, 1, 9)).join('') : ''}`,
    );
  for (const { peer, reason } of absent ?? []) console.log(`${peer.padEnd(22)}absent: ${reason}`);
  for (const { peer, limit, ratio, unit, held } of bars)
    console.log(
      `cutover / ${peer.padEnd(20)} ${ratio.toFixed(3)}${unit === undefined ? '' : ` ${unit}`}  limit ${limit.toFixed(2)}  ${held ? 'held' : 'MISSED'}`,
    );
}

import { bucketLimitUs, type Histogram } from './latency.ts';

/**
 * Metrics as data, and their text: the Prometheus text exposition format, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 */
export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** A distribution as the format has it: counts at or below each limit, rising; the last limit is infinity. */
export interface Distribution {
  readonly labels: Labels;
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
  readonly sum: number;
}

/** All samples of one name. A name of a counter ends in `_total`; units are seconds and bytes, and stand in the name. */
export type Family = {
  readonly name: string;
  readonly help: string;
} & (
  | { readonly type: 'counter' | 'gauge'; readonly samples: readonly Sample[] }
  | { readonly type: 'histogram'; readonly distributions: readonly Distribution[] }
);

/** The media type of the text. */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

const escapedHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapedValue = (text: string): string => escapedHelp(text).replaceAll('"', '\\"');
const numberText = (value: number): string =>
  value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value);

function sampleLine(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapedValue(text)}"`);
  return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${numberText(value)}\n`;
}

function distributionLines(name: string, { labels, buckets, sum }: Distribution): string {
  const lines = buckets.map(({ le, count }) =>
    sampleLine(`${name}_bucket`, { ...labels, le: numberText(le) }, count),
  );
  const count = buckets.at(-1)?.count ?? 0;
  return `${lines.join('')}${sampleLine(`${name}_sum`, labels, sum)}${sampleLine(`${name}_count`, labels, count)}`;
}

/** The families as text. One without samples is left out. */
export function exposition(families: readonly Family[]): string {
  return families
    .filter((family) =>
      family.type === 'histogram' ? family.distributions.length > 0 : family.samples.length > 0,
    )
    .map((family) => {
      const { name, help, type } = family;
      const body =
        family.type === 'histogram'
          ? family.distributions.map((each) => distributionLines(name, each))
          : family.samples.map(({ labels, value }) => sampleLine(name, labels, value));
      return `# HELP ${name} ${escapedHelp(help)}\n# TYPE ${name} ${type}\n${body.join('')}`;
    })
    .join('');
}

/** 128 µs to 67 s, doubling. Our own buckets end at each power of two, so that no count has to be guessed. */
const latencyLimitsUs = Array.from({ length: 20 }, (_, doubling) => 128 * 2 ** doubling);

/**
 * A latency histogram in seconds. The counts are exact; the sum is made from the middle of each of our buckets, so that it is wrong by 6 % at
 * most, and grows as it should.
 */
export function latencyDistribution(labels: Labels, histogram: Histogram): Distribution {
  const counts = latencyLimitsUs.map(() => 0);
  let all = 0;
  let sumUs = 0;
  for (const [bucket, count] of histogram) {
    const limitUs = bucketLimitUs(bucket);
    const fromUs = bucket === 0 ? 0 : bucketLimitUs(bucket - 1);
    sumUs += (count * (fromUs + limitUs)) / 2;
    all += count;
    const first = latencyLimitsUs.findIndex((us) => limitUs <= us);
    if (first !== -1) counts[first] = (counts[first] ?? 0) + count;
  }
  let below = 0;
  const buckets = latencyLimitsUs.map((us, index) => ({
    le: us / 1e6,
    count: (below += counts[index] ?? 0),
  }));
  return { labels, buckets: [...buckets, { le: Infinity, count: all }], sum: sumUs / 1e6 };
}

/** Values (in the unit of the limits) as a distribution over the limits, which rise. */
export function distribution(
  labels: Labels,
  values: readonly number[],
  limits: readonly number[],
): Distribution {
  const buckets = [...limits, Infinity].map((le) => ({
    le,
    count: values.reduce((n, value) => (value <= le ? n + 1 : n), 0),
  }));
  return { labels, buckets, sum: values.reduce((sum, value) => sum + value, 0) };
}

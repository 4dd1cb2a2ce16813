/** One sample as it was read. */
export interface ReadSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ReadFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly ReadSample[];
}

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const types = ['counter', 'gauge', 'histogram'];

/**
 * Reads the text exposition format 0.0.4 strictly, stricter than Prometheus itself: each family has its HELP and TYPE once, before its samples,
 * which stand together; no series comes twice; counters end in `_total` and are not negative; a histogram's buckets rise in limit and count, end
 * with `+Inf`, and agree with `_count`. Throws an `Error` that names the line.
 */
export function parseExposition(text: string): ReadFamily[] {
  const families: { name: string; help: string; type: string; samples: ReadSample[] }[] = [];
  const series = new Set<string>();
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  let help: { name: string; text: string } | null = null;
  text
    .slice(0, -1)
    .split('\n')
    .forEach((line, index) => {
      const wrong = (why: string): Error => new Error(`line ${index + 1}: ${why}: ${line}`);
      const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
      if (comment) {
        const [, kind, name = '', rest = ''] = comment;
        if (!metricName.test(name)) throw wrong('no name of a metric');
        if (kind === 'HELP') {
          if (help) throw wrong('HELP after HELP');
          if (families.some((family) => family.name === name)) throw wrong('the family came before');
          if (!/^(?:[^\\]|\\[\\n])*$/.test(rest)) throw wrong('an unknown escape');
          help = { name, text: rest };
          return;
        }
        if (help?.name !== name) throw wrong('TYPE without its HELP');
        if (!types.includes(rest)) throw wrong('no type');
        if ((rest === 'counter') !== name.endsWith('_total')) throw wrong('_total is for counters');
        families.push({ name, help: help.text, type: rest, samples: [] });
        help = null;
        return;
      }
      if (help) throw wrong('HELP without its TYPE');
      const family = families.at(-1);
      if (!family) throw wrong('a sample before any TYPE');
      const sample = sampleOf(line, wrong);
      const ends = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
      if (!ends.some((end) => sample.name === family.name + end)) throw wrong('a sample of another family');
      const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
      if (series.has(key)) throw wrong('the series came before');
      series.add(key);
      if (family.type !== 'gauge' && !(sample.value >= 0)) throw wrong('less than 0');
      family.samples.push(sample);
    });
  if (help) throw new Error('HELP at the end');
  for (const family of families) if (family.type === 'histogram') checkHistogram(family);
  return families;
}

function sampleOf(line: string, wrong: (why: string) => Error): ReadSample {
  const match = /^([^\s{]+)(\{.*\})? (\S+)$/.exec(line);
  const [, name = '', braces, value = ''] = match ?? [];
  if (!metricName.test(name)) throw wrong('no sample');
  if (!/^([+-]Inf|NaN|-?\d+(\.\d+)?(e[+-]?\d+)?)$/.test(value)) throw wrong('no number');
  const labels: Record<string, string> = {};
  let rest = braces === undefined ? '' : braces.slice(1, -1);
  while (rest !== '') {
    const pair = /^([^=]+)="((?:[^"\\]|\\[\\"n])*)"(,(?=.)|$)/.exec(rest);
    const [whole, label = '', text = ''] = pair ?? [];
    if (whole === undefined || !labelName.test(label) || label in labels) throw wrong('a label is wrong');
    labels[label] = text.replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
    rest = rest.slice(whole.length);
  }
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}

function checkHistogram({ name, samples }: ReadFamily): void {
  const key = ({ le: _le, ...labels }: ReadSample['labels']): string =>
    JSON.stringify(Object.entries(labels).sort());
  for (const one of new Set(samples.map(({ labels }) => key(labels)))) {
    const own = samples.filter(({ labels }) => key(labels) === one);
    const buckets = own.filter((sample) => sample.name === `${name}_bucket`);
    let limit = -Infinity;
    let count = 0;
    for (const bucket of buckets) {
      const le = Number(bucket.labels['le']?.replace('Inf', 'Infinity'));
      if (!(le > limit)) throw new Error(`${name}${one}: the limits do not rise`);
      if (bucket.value < count) throw new Error(`${name}${one}: the counts fall`);
      limit = le;
      count = bucket.value;
    }
    if (limit !== Infinity) throw new Error(`${name}${one}: no bucket +Inf`);
    if (own.find((sample) => sample.name === `${name}_count`)?.value !== count)
      throw new Error(`${name}${one}: _count is not the last bucket`);
    if (!own.some((sample) => sample.name === `${name}_sum`)) throw new Error(`${name}${one}: no _sum`);
  }
}

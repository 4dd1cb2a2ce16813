import { Random } from '../../src/testing/load/random.ts';
import { Origin, type Wire } from '../../src/proxy/worker/rig.fixture.ts';
import { Asker } from './asking.ts';
import { OurProxy } from './our-proxy.ts';
import { Faults, type Score, type ScoreRow, Until } from './row.ts';

/** Where in the exchange the instance is killed. */
export const points = [
  'before the head',
  'after the head',
  'in the body',
  'before the answer',
  'in the answer',
] as const;
type Point = (typeof points)[number];

const leastPosts = 10_000;
const clients = 16;
const leastPerSecond = 20;
/** Of the requests, those in which the instance dies. */
const killed = 0.4;

interface Plan {
  readonly id: string;
  readonly point: Point | null;
  readonly byReset: boolean;
}

/** The journal of the origin: which effects took place, by the id of the request, and at which instance. */
class Journal {
  readonly effects = new Map<string, number>();
  readonly died = new Map<Point, number>(points.map((point) => [point, 0]));
  note(id: string): void {
    this.effects.set(id, (this.effects.get(id) ?? 0) + 1);
  }
  dies(point: Point): void {
    this.died.set(point, (this.died.get(point) ?? 0) + 1);
  }
}

/**
 * An instance that does what each request is told to be done with it. The effect takes place when the whole body has come, as it would in a
 * program that commits before it answers.
 */
const instance =
  (journal: Journal, deaths: { left: number; byReset: boolean }) =>
  async (wire: Wire): Promise<void> => {
    const die = (point: Point, byReset: boolean): void => {
      journal.dies(point);
      if (byReset) wire.abort();
      else wire.close();
    };
    for (;;) {
      await wire.until(() => wire.closed || wire.ended || wire.count > 0, 'a request').catch(() => undefined);
      if (wire.closed) return;
      if (wire.count === 0) return wire.close();
      // The connection is there and bytes are on the way: nothing of them is read.
      if (deaths.left > 0) {
        deaths.left--;
        return die('before the head', deaths.byReset);
      }
      await wire.until(() => wire.closed || wire.ended || wire.text.includes('\r\n\r\n'), 'a head');
      if (wire.closed || !wire.text.includes('\r\n\r\n')) return wire.closed ? undefined : wire.close();
      const end = wire.text.indexOf('\r\n\r\n') + 4;
      const head = wire.text.slice(0, end);
      const id = /^x-effect: (\S+)\r$/im.exec(head)?.[1] ?? '';
      const point = points.find((each) => head.includes(`X-Die: ${each}\r\n`));
      const byReset = head.includes('X-Reset: yes\r\n');
      const length = Number(/^content-length: (\d+)\r$/im.exec(head)?.[1] ?? 0);
      if (point === 'after the head') return die(point, byReset);
      const wanted = point === 'in the body' ? Math.ceil(length / 2) : length;
      await wire.until(() => wire.closed || wire.ended || wire.received.length >= end + wanted, 'a body');
      if (wire.closed || wire.received.length < end + wanted) return wire.closed ? undefined : wire.close();
      if (point === 'in the body') return die(point, byReset);
      wire.received = wire.received.subarray(end + length);
      wire.count = wire.received.length;
      journal.note(id);
      if (point === 'before the answer') return die(point, byReset);
      const answer = `HTTP/1.1 201 Created\r\nContent-Length: ${id.length}\r\n\r\n${id}`;
      if (point === 'in the answer') {
        wire.send(answer.slice(0, answer.length - Math.ceil(id.length / 2)));
        await wire.until(() => wire.closed || wire.flushed, 'half an answer');
        return die(point, byReset);
      }
      wire.send(answer);
    }
  };

function request({ id, point, byReset }: Plan, random: Random): Uint8Array[] {
  const body = random.bytes(random.between(1, 3000)).toString('hex');
  const head = [
    'POST /effect HTTP/1.1',
    'Host: score.example',
    `X-Effect: ${id}`,
    `Content-Length: ${body.length}`,
    ...(point === null ? [] : [`X-Die: ${point}`]),
    ...(byReset ? ['X-Reset: yes'] : []),
    '',
    '',
  ].join('\r\n');
  const half = random.next() < 0.5 ? body.length : random.between(0, body.length);
  return [Buffer.from(head + body.slice(0, half)), Buffer.from(body.slice(half))].filter(
    ({ length }) => length > 0,
  );
}

/** Row 4: a POST takes effect at most once, wherever the instance dies; an answer of success means once exactly. */
export const duplicates: ScoreRow = {
  row: 4,
  goal: '0 duplicate effects in 10,000 POSTs with upstreams killed at five points of the exchange',
  usualMinutes: 10,
  async run(running, minutes): Promise<Score> {
    const journal = new Journal();
    const deaths = { left: 0, byReset: false };
    const origins = Array.from({ length: 3 }, () => new Origin(instance(journal, deaths)));
    running.add(() => {
      for (const origin of origins) origin.close();
    });
    const proxy = await OurProxy.start(running, {});
    await proxy.route('blue', { blue: origins.map(({ address }) => address), green: [] });
    const until = new Until(minutes);
    const faults = new Faults();
    const begun = performance.now();
    let [sent, succeeded, refused, cut] = [0, 0, 0, 0];
    const client = async (number: number): Promise<void> => {
      const random = new Random(7919 + number);
      const asker = new Asker(proxy.listen, 20_000);
      while (sent < leastPosts && !until.over && !running.signal.aborted) {
        const n = sent++;
        const dies = random.next() < killed;
        const plan: Plan = {
          id: `effect-${n}`,
          point: dies ? random.pick(points) : null,
          byReset: random.next() < 0.5,
        };
        if (plan.point === 'before the head') {
          deaths.byReset = plan.byReset;
          deaths.left++;
        }
        const asked = await asker.ask(request(plan, random));
        if (random.next() < 0.1) asker.close();
        const effects = journal.effects.get(plan.id) ?? 0;
        if (effects > 1) faults.add(`${plan.id} (${plan.point}) took effect ${effects} times`);
        if (asked.kind === 'broken') cut++;
        else if (asked.status === 201) {
          succeeded++;
          if (effects !== 1 || asked.body !== plan.id)
            faults.add(`${plan.id} was answered ${asked.body}, and took effect ${effects} times`);
        } else if (asked.status >= 500) refused++;
        else faults.add(`${plan.id}: status ${asked.status}`);
      }
      asker.close();
    };
    await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
    // What was on its way when its client knew already may have taken effect since.
    const duplicates = [...journal.effects.values()].filter((count) => count > 1).length;
    const seconds = (performance.now() - begun) / 1000;
    const missed = points.filter((point) => (journal.died.get(point) ?? 0) === 0);
    return {
      measured: {
        posts: sent,
        succeeded,
        refused,
        cut,
        deaths: [...journal.died.values()].reduce((sum, n) => sum + n, 0),
        duplicates,
      },
      held: sent >= leastPosts && duplicates === 0 && faults.count === 0,
      void:
        sent / seconds < leastPerSecond
          ? `${Math.round(sent / seconds)} POSTs a second, expected ${leastPerSecond} at least`
          : missed.length > 0
            ? `no instance died ${missed.join(', ')}`
            : succeeded === 0
              ? 'no POST succeeded'
              : null,
      examples: [...faults.examples, ...origins.flatMap(({ errors }) => errors.map(String))],
    };
  },
};

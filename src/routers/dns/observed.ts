import { z } from 'zod';
import { formatAddress } from '../../core/address.ts';
import type { Colour } from '../../core/colour.ts';
import { CutoverError } from '../../core/errors.ts';
import type { DnsSettings } from '../../core/spec/dns.ts';
import { emptySide, SideCounters, type Route } from '../../core/traffic.ts';
import { nothingCounted, type Counted } from '../configured/table-router.ts';
import { runProgram } from '../configured/run-program.ts';

const timeoutMs = 5000;
const mostBytes = 262_144;

const CountedSide = SideCounters.partial();
const CountedSides = z.object({ bootId: z.string().min(1).max(200), blue: CountedSide, green: CountedSide });
/** docs/health-protocol.md */
const InFlight = z.object({ inFlight: z.number().min(0), requests: z.number().min(0) });

const unknown = (subject: string, found: string, cause?: unknown): CutoverError =>
  new CutoverError('router-absent', `${subject}: expected counts of requests, found ${found}`, {
    next: 'see that what router.dns.observe names answers',
    cause,
  });

/** What came to each side, by the word of others: the DNS sees nobody. */
export async function observed(
  route: Route,
  observe: NonNullable<DnsSettings['observe']>,
  directory: string,
): Promise<Counted> {
  const { agents, url, command, can } = observe;
  if (agents !== undefined) {
    const [blue, green] = await Promise.all([bySide(route, 'blue', agents), bySide(route, 'green', agents)]);
    return { bootId: 'agents', blue, green };
  }
  const subject = url ?? command?.join(' ') ?? '';
  const found =
    url === undefined ? await printed(command ?? [], directory) : json(subject, await fetched(url));
  const parsed = CountedSides.safeParse(found);
  if (!parsed.success) throw unknown(subject, z.prettifyError(parsed.error));
  const { bootId, blue, green } = parsed.data;
  const whole = (side: z.infer<typeof CountedSide>): SideCounters => {
    const counters = can.includes('counters') ? side : { requests: side.requests ?? 0 };
    const inFlight = can.includes('inFlight') ? (side.inFlight ?? 0) : 0;
    return SideCounters.parse({ ...emptySide(), ...counters, inFlight });
  };
  return { ...nothingCounted(), bootId, blue: whole(blue), green: whole(green) };
}

async function bySide(route: Route, colour: Colour, port: number): Promise<SideCounters> {
  const hosts = [...new Set(route[colour].instances.map(({ host }) => host))];
  const found = await Promise.all(
    hosts.map(async (host) => {
      const subject = `http://${formatAddress({ host, port })}/in-flight`;
      const parsed = InFlight.safeParse(json(subject, await fetched(subject)));
      if (!parsed.success) throw unknown(subject, z.prettifyError(parsed.error));
      return parsed.data;
    }),
  );
  const sum = (pick: (each: z.infer<typeof InFlight>) => number): number =>
    found.reduce((all, each) => all + pick(each), 0);
  return {
    ...emptySide(),
    inFlight: sum(({ inFlight }) => inFlight),
    requests: sum(({ requests }) => requests),
  };
}

function json(subject: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unknown(subject, 'what is no JSON', cause);
  }
}

async function printed(command: readonly string[], directory: string): Promise<unknown> {
  const { exitCode, stdout, output } = await runProgram(command, { timeoutMs, cwd: directory });
  if (exitCode !== 0)
    throw unknown(command.join(' '), `that it failed: ${output.at(-1) ?? 'without a word'}`);
  return json(command.join(' '), stdout);
}

/** What is used of a stream's reader. */
interface BodyReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

async function fetched(url: string): Promise<string> {
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) });
    if (response.status !== 200) throw unknown(url, `status ${response.status}`);
    if (response.body === null) return '';
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const reader: BodyReader = response.body.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || value === undefined) return Buffer.concat(chunks).toString('utf8');
        bytes += value.length;
        if (bytes > mostBytes) throw unknown(url, `more than ${mostBytes} bytes`);
        chunks.push(value);
      }
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  } catch (cause) {
    if (cause instanceof CutoverError) throw cause;
    throw unknown(url, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

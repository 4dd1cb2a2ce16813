import { z } from 'zod';
import { CutoverError } from '../../core/errors.ts';
import type { DnsSettings } from '../../core/spec/dns.ts';
import { runProgram } from '../configured/run-program.ts';
import type { Answered, Change, DnsProvider, RecordKey } from './provider.ts';
import { recordTypes, type RecordType } from './record-set.ts';

const Sets = z
  .array(
    z.object({
      name: z.string().max(255),
      type: z.enum(recordTypes),
      ttlSeconds: z.int().min(0).max(2_147_483_647),
      values: z.array(z.string()).max(4096),
    }),
  )
  .max(64);
const Answer = z.object({
  server: z.string().max(300).default('the provider'),
  serial: z.int().min(0).max(4_294_967_295).nullable().default(null),
  sets: Sets,
});
const Away = z.object({ server: z.string().max(300), away: z.string().max(1000) });
const Answers = {
  read: Answer,
  change: z.object({ changed: z.boolean() }),
  served: z.object({
    servers: z
      .array(z.union([Away, Answer]))
      .min(1)
      .max(64),
  }),
} as const;

/** Exit code by which the program says that it, or what it tells, does not answer; as docs/routers/command.md. */
const absent = 7;

/** Any service that holds records, told by a program of the user's own: it gets a verb and JSON, and answers in JSON. */
export class CommandProvider implements DnsProvider {
  readonly types: readonly RecordType[];

  /** @param directory where the program runs */
  constructor(
    private readonly zone: string,
    private readonly settings: NonNullable<DnsSettings['command']>,
    private readonly directory: string,
  ) {
    this.types = ['A', 'AAAA', 'CNAME', 'TXT', ...(settings.alias ? (['ALIAS'] as const) : [])];
  }

  async read(keys: readonly RecordKey[]): Promise<Answered> {
    return this.#inOrder(await this.#ask('read', { keys: plain(keys) }, Answers.read), keys);
  }

  async change(change: Change): Promise<boolean> {
    return (await this.#ask('change', change, Answers.change)).changed;
  }

  async served(keys: readonly RecordKey[]): ReturnType<DnsProvider['served']> {
    const { servers } = await this.#ask('served', { keys: plain(keys) }, Answers.served);
    return servers.map((server) => ('away' in server ? server : this.#inOrder(server, keys)));
  }

  /** What it does not name is not there. */
  #inOrder(answer: z.infer<typeof Answer>, keys: readonly RecordKey[]): Answered {
    const sets = keys.map(({ name, type }) => {
      const set = answer.sets.find((each) => each.name === name && each.type === type);
      return set ? { ...set, values: [...set.values].sort() } : { name, type, ttlSeconds: 0, values: [] };
    });
    return { ...answer, sets };
  }

  async #ask<T>(verb: string, input: object, answer: z.ZodType<T>): Promise<T> {
    const { run, timeout } = this.settings;
    const { exitCode, stdout, output } = await runProgram([...run, verb], {
      timeoutMs: timeout,
      input: `${JSON.stringify({ zone: this.zone, ...input })}\n`,
      cwd: this.directory,
    });
    const refused = (found: string): CutoverError =>
      new CutoverError(
        exitCode === absent ? 'router-absent' : 'router-refused',
        `${run.join(' ')} ${verb}: expected an answer about zone ${this.zone}, found ${found}`,
        {
          next: 'run it by hand with the same input; docs/routers/dns.md says what it is to answer',
          detail: { output },
        },
      );
    if (exitCode !== 0)
      throw refused(
        exitCode === null
          ? `that it did not end within ${timeout}ms`
          : `exit code ${exitCode}: ${output.at(-1) ?? 'without a word'}`,
      );
    let json: unknown;
    try {
      json = JSON.parse(stdout);
    } catch {
      throw refused('no JSON');
    }
    const parsed = answer.safeParse(json);
    if (parsed.success) return parsed.data;
    throw refused(`another form: ${z.prettifyError(parsed.error)}`);
  }
}

const plain = (keys: readonly RecordKey[]): RecordKey[] => keys.map(({ name, type }) => ({ name, type }));

import { formatAddress, type Address } from '../../core/address.ts';
import { CutoverError } from '../../core/errors.ts';
import { exchange, NoAnswer, type Answer } from './exchange.ts';
import type { Answered, Change, DnsProvider, RecordKey } from './provider.ts';
import { decodeValue, prerequisitesOf, updatesOf, type RecordSet, type RecordType } from './record-set.ts';
import type { TsigKey } from './tsig.ts';
import { classes, decodeName, flagsOf, opcodes, rcodeName, types, WireError } from './wire.ts';

const timeoutMs = 5000;
/** Prerequisites that do not hold (RFC 2136 §3.2.5). */
const otherwise = [3, 6, 7, 8];

/** Authoritative servers, the first of which takes dynamic updates (RFC 2136) that are signed (RFC 8945). */
export class Rfc2136Provider implements DnsProvider {
  readonly types: readonly RecordType[] = ['A', 'AAAA', 'CNAME', 'TXT'];

  /**
   * @param servers all that answer clients, the primary first
   * @param key read anew for each exchange, so that it may be renewed
   */
  constructor(
    private readonly zone: string,
    private readonly servers: readonly Address[],
    private readonly key: () => TsigKey,
  ) {}

  async read(keys: readonly RecordKey[]): Promise<Answered> {
    const key = this.key();
    return this.#named(this.#primary(), () => this.#ask(this.#primary(), keys, key));
  }

  async change({ where, put }: Change): Promise<boolean> {
    const server = this.#primary();
    const key = this.key();
    const message = {
      flags: opcodes.UPDATE << 11,
      questions: [{ name: this.zone, type: types.SOA, class: classes.IN }],
      answers: where.flatMap(prerequisitesOf),
      authorities: updatesOf(put),
      additionals: [],
    };
    const answer = await this.#named(server, () => exchange(server, message, key, timeoutMs));
    const { rcode } = flagsOf(answer.message);
    if (otherwise.includes(rcode)) return false;
    if (rcode === 0) return true;
    throw new CutoverError(
      'router-refused',
      `${formatAddress(server)}: expected it to take an update of zone ${this.zone}, found ${rcodeName(rcode)}`,
      {
        next: `see that it is the primary of the zone and lets the key ${key.name} update it (update-policy of BIND), and its log`,
      },
    );
  }

  served(keys: readonly RecordKey[]): ReturnType<DnsProvider['served']> {
    return Promise.all(
      this.servers.map(async (server) => {
        try {
          return await this.#ask(server, keys, null);
        } catch (error) {
          if (!(error instanceof NoAnswer)) throw error;
          return { server: formatAddress(server), away: error.message };
        }
      }),
    );
  }

  #primary(): Address {
    const [first] = this.servers;
    if (!first) throw new Error('no server');
    return first;
  }

  async #named<T>(server: Address, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      if (!(cause instanceof NoAnswer)) throw cause;
      throw new CutoverError(
        'router-absent',
        `${formatAddress(server)}: expected an answer of the primary of zone ${this.zone}, found that ${cause.message}`,
        { next: 'see that it runs, that TCP gets there, and that it has the key', cause },
      );
    }
  }

  /** @throws NoAnswer */
  async #ask(server: Address, keys: readonly RecordKey[], key: TsigKey | null): Promise<Answered> {
    const serial = await this.#serial(server, key);
    const sets = await Promise.all(keys.map((each) => this.#set(server, each, key)));
    return { server: formatAddress(server), serial, sets };
  }

  async #query(server: Address, name: string, type: number, key: TsigKey | null): Promise<Answer> {
    const questions = [{ name, type, class: classes.IN }];
    const message = { flags: 0, questions, answers: [], authorities: [], additionals: [] };
    const answer = await exchange(server, message, key, timeoutMs);
    const { rcode, authoritative } = flagsOf(answer.message);
    if (rcode !== 0 && rcode !== 3)
      throw new NoAnswer(`it answered ${rcodeName(rcode)} when it was asked for ${name}`);
    if (!authoritative) throw new NoAnswer(`it is not authoritative for ${name}`);
    return answer;
  }

  async #serial(server: Address, key: TsigKey | null): Promise<number> {
    const { message, bytes } = await this.#query(server, this.zone, types.SOA, key);
    const soa = message.answers.find(({ type, name }) => type === types.SOA && name === this.zone);
    if (soa?.at === undefined) throw new NoAnswer(`it has no zone ${this.zone}`);
    const { end } = decodeName(bytes, decodeName(bytes, soa.at).end);
    if (end + 4 > bytes.length) throw new NoAnswer('its SOA record is cut off');
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(end);
  }

  async #set(server: Address, { name, type }: RecordKey, key: TsigKey | null): Promise<RecordSet> {
    if (type === 'ALIAS') throw new Error('no type of the DNS');
    const { message, bytes } = await this.#query(server, name, types[type], key);
    const found = message.answers.filter(
      (record) => record.name === name && record.type === types[type] && record.class === classes.IN,
    );
    try {
      const values = found.map((record) => decodeValue(type, bytes, record)).sort();
      return { name, type, ttlSeconds: found[0]?.ttl ?? 0, values };
    } catch (error) {
      if (error instanceof WireError) throw new NoAnswer(`its answer for ${name}: ${error.message}`);
      throw error;
    }
  }
}

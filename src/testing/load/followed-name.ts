import type { Address } from '../../core/address.ts';
import { exchange } from '../../routers/dns/exchange.ts';
import { decodeValue } from '../../routers/dns/record-set.ts';
import { classes, types } from '../../routers/dns/wire.ts';

const timeoutMs = 2000;

/**
 * Where a name leads to, as an honest client of the DNS knows it: what it was told for as long as that may be kept, and then it asks anew. The
 * address changes in place; connections that are open stay where they are.
 *
 * @param resolver whom it asks, over TCP
 */
export async function followedName({ host: name, port }: Address, resolver: Address): Promise<Address> {
  const followed = { host: '', port };
  const ask = async (): Promise<number> => {
    const questions = [{ name, type: types.A, class: classes.IN }];
    const message = { flags: 0, questions, answers: [], authorities: [], additionals: [] };
    const { message: answer, bytes } = await exchange(resolver, message, null, timeoutMs);
    const record = answer.answers.find(({ type }) => type === types.A);
    if (!record) throw new Error(`${name}: expected an address, found none`);
    followed.host = decodeValue('A', bytes, record);
    return record.ttl * 1000;
  };
  const again = (afterMs: number): void => {
    setTimeout(() => void ask().then(again, () => again(100)), afterMs).unref();
  };
  again(await ask());
  return followed;
}

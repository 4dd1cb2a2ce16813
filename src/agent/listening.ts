import { type Address, formatAddress } from '../core/address.ts';
import { CutoverError, errorRecord } from '../core/errors.ts';

/** Something of the agent that listens. */
export interface Listening {
  readonly address: Address;
  close(): Promise<void>;
}

/** Why an address cannot be listened on. */
export const unlistenable = (option: string, address: Address, cause: unknown): CutoverError =>
  new CutoverError(
    'address-in-use',
    `${option}: expected to listen on ${formatAddress(address)}, found that it cannot: ${errorRecord(cause).message}`,
    { next: `name another address with ${option}`, cause },
  );

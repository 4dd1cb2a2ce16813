import type { Address } from '../../core/address.ts';
import type { Availability } from '../choose-placement.ts';
import { systemCode } from './disk.ts';

/** Whether a program could listen on the address, by listening there for a moment. */
export function probeAddress(address: Address, everywhere: boolean): Availability {
  const here = probe(address);
  return here === 'free' && everywhere ? probe({ host: '0.0.0.0', port: address.port }) : here;
}

/** Whether this machine has the IP address: all of 127.0.0.0/8 on Linux, elsewhere only 127.0.0.1 until someone adds more. */
export const hasHost = (host: string): boolean => probe({ host, port: 0 }) === 'free';

function probe({ host, port }: Address): Availability {
  try {
    const listener = Bun.listen({ hostname: host, port, exclusive: true, socket: { data: () => undefined } });
    listener.stop(true);
    return 'free';
  } catch (thrown) {
    return systemCode(thrown) === 'EADDRINUSE' ? 'taken' : 'refused';
  }
}

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { socketPath } from '../../config/home.ts';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import { type HostPlace, say } from './host-place.ts';

/**
 * What obeys a controller that comes by SSH, on the host. `serve` stays and looks after the instances; `relay` hands on orders, by lines, and starts the one that
 * stays where none does; `receive` hands on content. A session ends when it will: what stays and what runs do not belong to it.
 */
export async function run([action = '', ...args]: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      home: { type: 'string' },
      advertise: { type: 'string' },
      program: { type: 'string' },
      order: { type: 'string' },
    },
  });
  const home = resolve(values.home ?? '.cutover/host');
  const place: HostPlace = {
    home,
    socket: socketPath(home, 'agent/host.sock', {
      uid: process.getuid?.() ?? 0,
      runtimeDirectory: undefined,
    }),
    advertise: values.advertise ?? '127.0.0.1',
    identity: `${values.program ?? ''} ${values.advertise ?? '127.0.0.1'}`,
    program: values.program ?? '',
  };
  try {
    if (action === 'serve') await (await import('./host-serve.ts')).serve(place);
    else if (action === 'relay') await (await import('./host-relay.ts')).relay(place);
    else if (action === 'receive') await (await import('./host-relay.ts')).receive(place, values.order ?? '');
    else throw new CutoverError('usage', `expected serve, relay or receive, found ${action}`);
    return 0;
  } catch (error) {
    const { code, message } = errorRecord(error);
    say(`${code}: ${message}`);
    return 1;
  }
}

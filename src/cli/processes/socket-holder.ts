import { parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { errorRecord } from '../../core/errors.ts';
import type { HolderOptions } from '../../holder/holder.ts';
import { runHolder, runSecond } from '../../holder/holder-process.ts';
import { selfCommand } from '../self.ts';
import { version } from '../version.ts';

/** The holder of sockets, or with `--inbox` its second, until it is stopped. */
export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { home: { type: 'string' }, inbox: { type: 'string' } } });
  const home = resolve(values.home ?? '.cutover');
  const options: HolderOptions = {
    home,
    version,
    secondCommand: [...selfCommand(), 'socket-holder', '--home', home],
    log: (line) =>
      process.stderr.write(`${new Date().toISOString()} holder: ${line.replaceAll(/[\r\n]+/g, ' ⏎ ')}\n`),
  };
  try {
    await (values.inbox === undefined ? runHolder(options) : runSecond({ ...options, inbox: values.inbox }));
    return 0;
  } catch (error) {
    const { message, next } = errorRecord(error);
    options.log(`${message}${next === undefined ? '' : `; next: ${next}`}`);
    return 1;
  }
}

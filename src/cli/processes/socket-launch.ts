import { becomeHanded } from '../../holder/launch.ts';
import { SystemCallError } from '../../proxy/keeper/libc.ts';

/** Becomes a program that is handed its sockets: `socket-launch DIRECTORY PROGRAM [WORD …]`. */
export function run([directory = '/', program = '', ...words]: string[]): number {
  try {
    becomeHanded(directory, [program, ...words]);
  } catch (error) {
    const why = error instanceof SystemCallError ? error.code : String(error);
    process.stderr.write(`expected ${program} to start in ${directory}, found ${why}\n`);
    return 127;
  }
}

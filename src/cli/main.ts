/**
 * The entry of everything. The hidden verbs are the processes that `cutover up` starts; all others are for people. Each is loaded
 * only when it is asked for, so that a short answer comes at once.
 */
const [verb, ...rest] = process.argv.slice(2);

switch (verb) {
  case 'controller':
    process.exitCode = await (await import('./processes/controller.ts')).run(rest);
    break;
  case 'proxy-keeper':
    process.exitCode = await (await import('./processes/proxy-keeper.ts')).run(rest);
    break;
  case 'proxy-worker':
    process.exitCode = await (await import('./processes/proxy-worker.ts')).run(rest);
    break;
  case 'proxy-issuer':
    process.exitCode = await (await import('./processes/proxy-issuer.ts')).run(rest);
    break;
  case 'host':
    process.exitCode = await (await import('./processes/host.ts')).run(rest);
    break;
  case 'socket-holder':
    process.exitCode = await (await import('./processes/socket-holder.ts')).run(rest);
    break;
  case 'socket-launch':
    process.exitCode = (await import('./processes/socket-launch.ts')).run(rest);
    break;
  case 'strategy':
    process.exitCode = await (await import('./processes/strategy.ts')).run(rest);
    break;
  case 'proxy-mirror':
    process.exitCode = await (await import('./processes/proxy-mirror.ts')).run(rest);
    break;
  default:
    process.exitCode = await (await import('./command-line.ts')).commandLine(process.argv.slice(2));
}

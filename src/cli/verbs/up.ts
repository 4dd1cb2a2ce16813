import type { StatusView } from '../../server/api.ts';
import { noteOtherVersion } from '../connect.ts';
import { controllerSocket } from '../home.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { link } from '../render/words.ts';
import { startController } from '../start-controller.ts';

export interface UpOptions {
  readonly foreground?: boolean;
  readonly workers?: number;
  readonly metrics?: string;
  readonly controllerMetrics?: string;
}

/** What is passed on to the controller when it is started. */
function controllerArguments({ workers, metrics, controllerMetrics }: UpOptions): string[] {
  return [
    ...(workers === undefined ? [] : ['--workers', String(workers)]),
    ...(metrics === undefined ? [] : ['--metrics', metrics]),
    ...(controllerMetrics === undefined ? [] : ['--controller-metrics', controllerMetrics]),
  ];
}

/** Starts controller and proxy, or says that they run. */
export async function up(invocation: Invocation, options: UpOptions): Promise<number> {
  const { homeDirectory, json, output, paint } = invocation;
  if (options.foreground) {
    const { run } = await import('../processes/controller.ts');
    return run(['--home', homeDirectory, ...controllerArguments(options)]);
  }
  const { status, started } = await startController(invocation, controllerArguments(options));
  if (json) {
    answerJson(invocation, { started, socket: controllerSocket(homeDirectory), ...status });
    return 0;
  }
  if (!started) noteOtherVersion(invocation, status);
  output.line(
    `${paint.green(started ? 'up:' : 'up already:')} controller pid ${status.controller.pid} in ${homeDirectory}`,
  );
  for (const line of addressLines(status)) output.line(line);
  return 0;
}

function addressLines({ services, proxy }: StatusView): string[] {
  const lines = services.flatMap(({ name, listen, preview }) =>
    listen === null
      ? []
      : [`  ${name}  ${link(listen)}${preview === null ? '' : `  preview ${link(preview)}`}`],
  );
  if (services.length === 0) lines.push('  no service yet: cutover deploy makes the first one');
  for (const warning of proxy?.warnings ?? []) lines.push(`  ! ${warning}`);
  return lines;
}

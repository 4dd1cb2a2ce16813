import { CutoverError } from '../../core/errors.ts';
import { connect } from '../connect.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { followLogs } from '../follow-logs.ts';
import { interruptible } from '../interrupt.ts';
import { colours } from '../render/colours.ts';
import { logLines, logPrinter } from '../render/logs.ts';
import { serviceName } from '../service-name.ts';

export interface LogsOptions {
  readonly layer?: string;
  readonly environment?: string;
  readonly lines?: number;
  readonly follow?: boolean;
}

/** The last lines that the instances of an environment wrote; those that follow too, until Ctrl-C, if it is told so. */
export async function logs(
  invocation: Invocation,
  service: string | undefined,
  { layer, environment, lines, follow = false }: LogsOptions,
): Promise<number> {
  if (environment !== undefined && environment !== 'blue' && environment !== 'green') {
    throw new CutoverError('usage', `--environment: expected blue or green, found ${environment}`);
  }
  const { output, json, paint, notePaint } = invocation;
  const client = connect(invocation);
  const name = await serviceName(invocation, client, service);
  if (follow) {
    const print = logPrinter(paint);
    await interruptible((signal) =>
      followLogs(
        client,
        { service: name, environments: environment ? [environment] : colours, layer, lines },
        {
          wrote(written, from) {
            const texts = json
              ? written.map((line) => JSON.stringify({ environment: from, ...line }))
              : print(written, environment ? undefined : from);
            for (const text of texts) output.line(text);
          },
          away: (away) =>
            output.note(
              away ? 'the controller is away; waiting for it (traffic flows on)' : 'the controller is back',
            ),
        },
        signal,
      ),
    );
    return 0;
  }
  const view = await client.logs(name, { layer, environment, lines });
  if (json) {
    answerJson(invocation, view);
    return 0;
  }
  if (view.lines.length === 0) output.note(notePaint.dim(`${name}: ${view.environment} has written nothing`));
  for (const line of logLines(view.lines, paint)) output.line(line);
  return 0;
}

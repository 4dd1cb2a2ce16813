import { connect } from '../connect.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { modeOrder, type ModeWords } from '../mode-order.ts';
import { modeLine, setLine } from '../render/mode.ts';
import { duration } from '../render/words.ts';
import { serviceName } from '../service-name.ts';
import { whoAmI } from '../who.ts';

export interface ModeOptions extends ModeWords {
  readonly service?: string;
  readonly by?: string;
  readonly reason?: string;
}

/** Sets how the service meets requests; without a mode, shows how it does. */
export async function mode(
  invocation: Invocation,
  name: string | undefined,
  options: ModeOptions,
): Promise<number> {
  const { json, output, paint, cwd } = invocation;
  // What is wrong with the words is told before anyone is asked.
  const order = name === undefined ? null : modeOrder('cutover mode', name, options, cwd);
  const client = connect(invocation);
  const service = await serviceName(invocation, client, options.service);
  if (order === null) {
    const { mode: set, epoch } = await client.service(service);
    if (json) answerJson(invocation, { service, mode: set, epoch });
    else {
      output.line(`${paint.bold(service)} is ${set === null ? paint.green('open') : modeLine(set, paint)}`);
      if (set !== null) output.line(paint.dim(`  ${setLine(set)}`));
    }
    return 0;
  }
  const { by = whoAmI(), reason } = options;
  const view = await client.setMode(service, { ...order, by, ...(reason !== undefined && { reason }) });
  if (json) answerJson(invocation, view);
  else {
    output.line(`${paint.bold(service)} is ${view.changed ? 'now ' : ''}${modeLine(view.mode, paint)}`);
    output.line(
      paint.dim(
        view.epoch === null
          ? '  nothing is live yet: the first switch takes the mode along'
          : view.changed
            ? `  in force everywhere; new requests waited for at most ${duration(view.holdMs)}; epoch ${view.epoch}`
            : `  as it was; epoch ${view.epoch}`,
      ),
    );
  }
  return 0;
}

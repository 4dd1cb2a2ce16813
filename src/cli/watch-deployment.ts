import type { DeploymentView } from '../server/api.ts';
import type { Client } from './client.ts';
import { follow, type Follower } from './follow.ts';
import { interruptible } from './interrupt.ts';
import type { Invocation } from './invocation.ts';
import { changeLines, deploymentLines, deploymentTitle } from './render/deployment.ts';
import { plain } from './terminal/paint.ts';
import { Region, type Surface } from './terminal/region.ts';
import { harmless } from './terminal/text.ts';

const frameMs = 100;

/** A follower that shows what it is told, and gives the terminal back when it is ended. */
interface Show extends Follower {
  /** `last`: the deployment as it ended, if it has. */
  readonly end: (last: DeploymentView | null) => void;
}

/**
 * Follows a deployment to its end and shows it: step by step in place on a terminal, a line for each beginning and end elsewhere
 * (beside the result, where that is JSON). Ctrl-C detaches: the deployment goes on, and it is said how to follow it or take it back.
 */
export async function watchDeployment(
  invocation: Invocation,
  client: Client,
  begun: DeploymentView,
): Promise<DeploymentView | 'interrupted'> {
  const { output, json, paint } = invocation;
  const { terminal } = output;
  const ended = await interruptible(async (signal) => {
    const show =
      terminal && !json
        ? inPlace(terminal, begun, invocation)
        : lineByLine(begun, json ? output.note : (text) => output.line(text));
    let last: DeploymentView | null = null;
    try {
      last = await follow(client, begun, show, signal);
      return last;
    } finally {
      show.end(last);
    }
  });
  if (ended !== 'interrupted') return ended;
  const { id, service } = begun;
  const tell = json || !terminal ? output.note : (text: string) => output.line(text);
  tell(`${paint.yellow('detached:')} deployment ${id} of ${service} goes on`);
  tell(`  follow it:    cutover show ${id} --follow --service ${service}`);
  tell(`  take it back: cutover abort ${service}`);
  return 'interrupted';
}

function inPlace(terminal: Surface, begun: DeploymentView, { paint }: Invocation): Show {
  const region = new Region(terminal);
  let view = begun;
  let progress: string | null = null;
  let away = false;
  let frame = 0;
  const lines = (): string[] =>
    deploymentLines(view, { now: Date.now(), paint, frame, progress, away, columns: terminal.columns() - 1 });
  const draw = (): void => region.draw(lines());
  const timer = setInterval(() => {
    frame += 1;
    draw();
  }, frameMs);
  process.on('SIGWINCH', draw);
  draw();
  return {
    changed(next) {
      const running = (each: DeploymentView): number =>
        each.steps.findIndex(({ status }) => status === 'running');
      if (running(next) !== running(view)) progress = null;
      view = next;
      draw();
    },
    progress(text) {
      progress = text;
      draw();
    },
    away(now) {
      away = now;
      draw();
    },
    end(last) {
      clearInterval(timer);
      process.off('SIGWINCH', draw);
      view = last ?? view;
      away = false;
      region.end(lines());
    },
  };
}

function lineByLine(begun: DeploymentView, say: (text: string) => void): Show {
  say(deploymentTitle(begun, plain));
  for (const note of begun.notes) say(`note: ${harmless(note)}`);
  let view: DeploymentView | null = null;
  const changed = (next: DeploymentView): void => {
    for (const line of changeLines(view, next)) say(line);
    view = next;
  };
  changed(begun);
  return {
    changed,
    progress: () => undefined,
    away: (now) =>
      say(now ? 'the controller is away; waiting for it (traffic flows on)' : 'the controller is back'),
    end: (last) => {
      if (last) changed(last);
    },
  };
}

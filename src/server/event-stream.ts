import type { EventRecord } from '../core/event.ts';
import type { Engine } from '../engine/engine.ts';
import type { EventMessage } from './api.ts';

const encoder = new TextEncoder();
/** A follower that lets so much pile up is cut off; it can begin again after the last version it saw. */
const maxQueuedBytes = 4 * 1_048_576;
const keepAliveMs = 15_000;

/** Every record of a service after a version, without a gap, then each as it is written, with the progress in between. */
export async function eventStream(
  engine: Engine,
  service: string,
  after: number,
  signal: AbortSignal,
): Promise<Response> {
  const queue: EventMessage[] = [];
  let deliver: (message: EventMessage) => void = (message) => queue.push(message);
  // Watched before the log is read, so that nothing falls in between; what is seen twice is told once, by its version.
  const unwatch = engine.watch(service, (records) => {
    for (const data of records) deliver({ event: 'record', data });
  });
  const unwatchProgress = engine.watchProgress((data) => {
    if (data.service === service) deliver({ event: 'progress', data });
  });
  const stop = (): void => {
    unwatch();
    unwatchProgress();
  };
  let past: readonly EventRecord[];
  try {
    past = await engine.records(service, after);
  } catch (error) {
    stop();
    throw error;
  }

  let told = after;
  let timer: ReturnType<typeof setInterval> | undefined;
  const end = (): void => {
    stop();
    clearInterval(timer);
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const send = (text: string): void => {
          if ((controller.desiredSize ?? 0) <= 0) {
            end();
            controller.error(new Error('the follower is too slow'));
            return;
          }
          controller.enqueue(encoder.encode(text));
        };
        deliver = (message) => {
          if (message.event === 'record') {
            if (message.data.version <= told) return;
            told = message.data.version;
          }
          send(`event: ${message.event}\ndata: ${JSON.stringify(message.data)}\n\n`);
        };
        send(': from the log of the service\n\n');
        for (const data of past) deliver({ event: 'record', data });
        for (const message of queue) deliver(message);
        timer = setInterval(() => send(': still here\n\n'), keepAliveMs);
        signal.addEventListener('abort', () => {
          end();
          try {
            controller.close();
          } catch (error) {
            // Already closed from the other end, which is what was wanted.
            if (!(error instanceof TypeError)) throw error;
          }
        });
      },
      cancel: end,
    },
    new ByteLengthQueuingStrategy({ highWaterMark: maxQueuedBytes }),
  );
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
  });
}

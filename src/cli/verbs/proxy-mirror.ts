import { CutoverError } from '../../core/errors.ts';
import type { RouteMirror } from '../../core/mirror/route-mirror.ts';
import { formatShare } from '../../core/share.ts';
import { MirrorSpec, routeMirrorOf } from '../../core/spec/mirror.ts';
import type { EmbeddedRouter } from '../../routers/embedded/embedded-router.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { tellReport } from './diff.ts';

/** What the command line says of a mirror. */
export interface MirrorWords {
  readonly methods?: string;
  readonly unsafe?: boolean;
  readonly ignore?: readonly string[];
  readonly redact?: readonly string[];
  readonly strip?: string;
  readonly html?: string;
}

const usage = (message: string, next: string): CutoverError => new CutoverError('usage', message, { next });
const usual = 'cutover proxy mirror 5%, or cutover proxy mirror off';

/** Refuses what is said of a mirror where none is ordered. */
export function refuseMirrorWords(verb: string, words: MirrorWords): void {
  const { methods, unsafe, ignore, redact, strip, html } = words;
  const stray = Object.entries({ methods, unsafe, ignore, redact, strip, html }).find(
    ([, value]) => value !== undefined,
  );
  if (stray !== undefined) throw usage(`${verb}: --${stray[0]} is for a mirror`, usual);
}

const listed = (text: string | undefined): string[] | undefined =>
  text?.split(',').map((each) => each.trim());

/**
 * Reads the words of the command line; null: `off`.
 *
 * @throws CutoverError `usage`
 */
export function mirrorOrder(share: string, words: MirrorWords, id: string): Omit<RouteMirror, 'to'> | null {
  if (share === 'off') {
    refuseMirrorWords('cutover proxy mirror off', words);
    return null;
  }
  const { methods, unsafe, ignore, redact, strip } = words;
  const names = listed(methods);
  const parsed = MirrorSpec.safeParse({
    share,
    ...(names === undefined ? {} : { methods: names.length === 1 && names[0] === 'safe' ? 'safe' : names }),
    ...(unsafe === undefined ? {} : { unsafe }),
    ...(ignore === undefined ? {} : { ignore }),
    ...(redact === undefined ? {} : { redact: { fields: redact } }),
    ...(strip === undefined ? {} : { strip: listed(strip) }),
  });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const key = issue?.path[0];
    const [where, found] =
      key === 'methods'
        ? ['--methods: ', methods]
        : key === 'ignore'
          ? ['--ignore: ', ignore?.join(', ')]
          : key === 'redact'
            ? ['--redact: ', redact?.join(', ')]
            : key === 'strip'
              ? ['--strip: ', strip]
              : ['', share];
    const told = (issue?.message ?? 'expected something else').replace('unsafe: true', '--unsafe');
    throw usage(`cutover proxy mirror: ${where}${told}, found ${found ?? 'nothing'}`, usual);
  }
  const { to: _to, ...mirror } = routeMirrorOf(parsed.data, id, 'green');
  return mirror;
}

/** Has a proxy that runs alone copy requests to the side that is not live; without a share, shows what was found. */
export async function proxyMirror(
  invocation: Invocation,
  router: EmbeddedRouter,
  service: string,
  share: string | undefined,
  words: MirrorWords,
): Promise<number> {
  if (share === undefined) {
    const { html, ...rest } = words;
    refuseMirrorWords('cutover proxy mirror', rest);
    const report = await router.mirrored(service, null);
    if (report === null)
      throw new CutoverError('deployment-unknown', `service ${service}: expected a mirror, found none yet`, {
        next: usual,
      });
    await tellReport(invocation, report, html === undefined ? {} : { html });
    return 0;
  }
  if (words.html !== undefined)
    throw usage('--html is for showing the report', 'cutover proxy mirror --html FILE');
  const mirror = mirrorOrder(share, words, `alone-${Date.now().toString(36)}`);
  const applied = await router.mirror(service, mirror);
  const route = await router.read(service);
  const { paint, output, json } = invocation;
  if (json) answerJson(invocation, { service, mirror: route?.mirror ?? null, epoch: applied.epoch });
  else
    output.line(
      route?.mirror === undefined
        ? `${paint.green('mirror:')} ${paint.bold(service)} copies nothing; epoch ${applied.epoch}`
        : `${paint.green('mirror:')} ${paint.bold(service)} copies ${formatShare(route.mirror.share)} of ${route.mirror.methods.join(', ')} to ${route.mirror.to}; epoch ${applied.epoch}`,
    );
  return 0;
}

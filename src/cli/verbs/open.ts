import { CutoverError } from '../../core/errors.ts';
import { browserCommands, openInBrowser } from '../browser.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { gatekeeper, linkBy } from './preview.ts';

export interface OpenOptions {
  readonly preview?: boolean;
  readonly live?: boolean;
  readonly admin?: string;
}

/** Opens the service, or its next release, in a browser; prints the address where there is none. */
export async function open(
  invocation: Invocation,
  named: string | undefined,
  { preview = false, live = false, admin }: OpenOptions,
): Promise<number> {
  if (preview && live)
    throw new CutoverError('usage', 'cutover open: expected --preview or --live, found both', {
      next: 'leave one out',
    });
  const keeper = await gatekeeper(invocation, named, admin);
  const ways = await keeper.ways();
  const way = async (): Promise<{ readonly url: string; readonly secret: boolean }> => {
    if (!preview) return { url: ways.live.url, secret: false };
    const direct = ways.address ?? ways.host;
    if (direct !== null) return { url: direct, secret: false };
    if (ways.door !== null) return { url: (await linkBy(keeper, ways, undefined, null)).url, secret: true };
    throw new CutoverError(
      'usage',
      `service ${ways.service}: expected a preview that a browser can open, found ${ways.header === null ? 'none' : `only the header ${ways.header}`}`,
      { next: 'add router.preview, router.previewHost or router.previewCookie to the spec and deploy' },
    );
  };
  const { url, secret } = await way();
  // Arguments of a program can be read by every user of the machine; a token is not put there.
  const commands = secret ? [] : browserCommands(url, process.platform, invocation.env);
  const opened = await openInBrowser(commands);
  if (invocation.json) answerJson(invocation, { service: ways.service, url, opened });
  else {
    invocation.output.line(url);
    if (opened === null)
      invocation.output.note(
        secret
          ? 'open this link yourself: it holds a token'
          : commands.length === 0
            ? 'there is no browser here; open it elsewhere'
            : 'no browser could be started',
      );
  }
  return 0;
}

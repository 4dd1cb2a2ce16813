import { formatAddress, parseAddress } from '../../core/address.ts';
import { CutoverError } from '../../core/errors.ts';
import { proxyKind } from '../../platforms/host/peer-kind.ts';
import { readHomeSettings } from '../../config/home-settings.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import type { ProxyOptions } from './proxy.ts';

const actions = ['join', 'token', 'enroll', 'members'] as const;
type Joining = (typeof actions)[number];

export const isJoining = (action: string): action is Joining => actions.some((each) => each === action);

/** What only these take. */
export const joiningWords = ['control', 'tokenFile', 'valid'] as const;
const known: Readonly<Record<Joining, readonly string[]>> = {
  join: ['control', 'workers', 'metrics', 'admin'],
  token: ['valid'],
  enroll: ['tokenFile'],
  members: [],
};

const usage = (message: string, next: string): CutoverError => new CutoverError('usage', message, { next });
const dashed = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** What makes a proxy on another machine one of several that a controller leads. */
export async function joining(
  invocation: Invocation,
  action: Joining,
  values: readonly string[],
  options: ProxyOptions,
): Promise<number> {
  const common = ['home', 'spec', 'json', 'color'];
  const stray = Object.entries(options).find(
    ([name, value]) => value !== undefined && !common.includes(name) && !known[action].includes(name),
  );
  if (stray)
    throw usage(`cutover proxy ${action}: --${dashed(stray[0])} is for another action`, 'leave it out');
  const more = values[action === 'enroll' ? 2 : 0];
  if (more !== undefined)
    throw usage(`cutover proxy ${action}: expected no more words, found ${more}`, 'leave it out');
  switch (action) {
    case 'join':
      return join(invocation, options);
    case 'token':
      return (await import('../agent-enrollment.ts')).token(invocation, options.valid, proxyKind);
    case 'enroll':
      return (await import('../agent-enrollment.ts')).enroll(
        invocation,
        values,
        options.tokenFile,
        proxyKind,
      );
    case 'members':
      return (await import('../agent-enrollment.ts')).hosts(invocation, proxyKind);
  }
}

/** The proxy in this process, led by controllers that are enrolled, until it is stopped. */
async function join(invocation: Invocation, options: ProxyOptions): Promise<number> {
  const { homeDirectory: home, json, output, paint } = invocation;
  const control = options.control === undefined ? undefined : parseAddress(options.control);
  if (!control || control.port === 0)
    throw usage(
      `cutover proxy join: expected --control HOST:PORT, where the controller reaches it, found ${options.control ?? 'none'}`,
      'such as --control 192.0.2.7:7443',
    );
  const { keep } = await import('../processes/proxy-keeper.ts');
  await keep(
    {
      home,
      workers: options.workers,
      metrics: options.metrics ?? readHomeSettings(home).metrics,
      adminSocket: options.admin,
      alone: false,
      control,
      temporary: false,
    },
    ({ socket, keeper }) => {
      const { services } = keeper.status().table;
      if (json) answerJson(invocation, { ready: true, pid: process.pid, socket, control, services });
      else
        output.line(
          `${paint.green('ready:')} takes orders at ${formatAddress(control)}; ${services.length === 0 ? 'nothing enters yet: cutover proxy token lets a controller in' : services.join(', ')}`,
        );
    },
  );
  return 0;
}

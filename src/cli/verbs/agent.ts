import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseCheckText } from '../../agent/check-text.ts';
import { Conformance, placeOf } from '../../agent/conformance/conformance.ts';
import { systemClock } from '../../clocks/system.ts';
import { socketPath } from '../../config/home.ts';
import { type Address, formatAddress, parseAddress } from '../../core/address.ts';
import { CutoverError } from '../../core/errors.ts';
import { isIpAddress } from '../../core/ip.ts';
import { type Role, roles } from '../../health/role.ts';
import { agentSocketName, askAgent } from '../ask-agent.ts';
import { findingLines } from '../doctor/finding.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { agentLine } from '../render/agent.ts';

export interface AgentOptions {
  readonly listen?: string;
  readonly instance?: string;
  readonly check?: string;
  readonly interval?: number;
  readonly timeout?: number;
  readonly healthy?: number;
  readonly unhealthy?: number;
  readonly initial?: Role;
  readonly state?: string;
  readonly tokenFile?: string;
  readonly agentCheck?: string;
  readonly agentCheckStandby?: string;
  readonly proxy?: string;
  readonly enable?: boolean;
  readonly control?: string;
  readonly advertise?: string;
  readonly valid?: number;
}

/** What each action takes of the options. */
const known: Readonly<Record<string, readonly (keyof AgentOptions)[]>> = {
  run: [
    ...(['listen', 'instance', 'check', 'interval', 'timeout', 'healthy', 'unhealthy', 'initial'] as const),
    ...(['state', 'tokenFile', 'agentCheck', 'agentCheckStandby', 'proxy'] as const),
    ...(['control', 'advertise'] as const),
  ],
  status: [],
  enable: [],
  check: ['timeout', 'tokenFile', 'enable'],
  token: ['valid'],
  enroll: ['tokenFile'],
  hosts: [],
};

const usage = (message: string, next: string): CutoverError => new CutoverError('usage', message, { next });
const dashed = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** What a check of a protocol ends with that was not kept. */
const breachExit = 1;

/** The agent in this process, an order to the one of this home, or a check of any. */
export async function agent(
  invocation: Invocation,
  action: string,
  values: readonly string[],
  options: AgentOptions,
): Promise<number> {
  const [value] = values;
  const stray = (Object.keys(options) as (keyof AgentOptions)[]).find(
    (each) =>
      options[each] !== undefined &&
      Object.values(known).some((list) => list.includes(each)) &&
      !known[action]?.includes(each),
  );
  if (stray !== undefined)
    throw usage(`cutover agent ${action}: --${dashed(stray)} is for another action`, 'leave it out');
  const takes = action === 'enroll' ? 2 : action === 'enable' || action === 'check' ? 1 : 0;
  const more = values[takes];
  if (more !== undefined)
    throw usage(`cutover agent ${action}: expected no more words, found ${more}`, 'leave it out');
  switch (action) {
    case 'run':
      return run(invocation, options);
    case 'enable':
      return enable(invocation, value);
    case 'check':
      return check(invocation, value, options);
    case 'token':
      return (await import('../agent-enrollment.ts')).token(invocation, options.valid);
    case 'enroll':
      return (await import('../agent-enrollment.ts')).enroll(invocation, values, options.tokenFile);
    case 'hosts':
      return (await import('../agent-enrollment.ts')).hosts(invocation);
    default:
      return tell(invocation, await askAgent(invocation.homeDirectory, 'GET', '/health'));
  }
}

function addressOf(name: string, text: string | undefined, example: string): Address {
  const address = text === undefined ? undefined : parseAddress(text);
  if (address) return address;
  throw usage(
    `cutover agent run: expected --${name} ADDR, found ${text ?? 'none'}`,
    `such as --${name} ${example}`,
  );
}

const optionalAddress = (name: string, text: string | undefined): Address | undefined =>
  text === undefined ? undefined : addressOf(name, text, ':8082');

async function run(invocation: Invocation, options: AgentOptions): Promise<number> {
  const { cwd, homeDirectory, json, output, paint } = invocation;
  const control = optionalAddress('control', options.control);
  // An agent that takes orders need not be one for balancers.
  const isForBalancers =
    control === undefined || options.listen !== undefined || options.instance !== undefined;
  const listen = isForBalancers ? addressOf('listen', options.listen, ':8081') : undefined;
  const instance = isForBalancers ? addressOf('instance', options.instance, '127.0.0.1:3000') : undefined;
  if (instance === undefined && options.proxy !== undefined)
    throw usage('--proxy: expected an instance that it is for, found none', 'name it with --instance');
  if (options.advertise !== undefined && control === undefined)
    throw usage('--advertise is for an agent that takes orders', 'leave it out, or add --control');
  if (options.advertise !== undefined && !isIpAddress(options.advertise))
    throw usage(
      `--advertise: expected an IP address of this host, found ${options.advertise}`,
      'such as --advertise 192.0.2.1',
    );
  if (instance?.port === 0)
    throw usage('--instance: expected a port, found 0', 'name the port of the instance');
  const probe = parseCheckText(options.check ?? 'tcp');
  if (probe === undefined)
    throw usage(
      `--check: expected tcp or http:/PATH, found ${options.check ?? ''}`,
      'such as --check http:/healthz',
    );
  const state =
    options.state === undefined ? join(homeDirectory, 'agent/role.json') : resolve(cwd, options.state);
  mkdirSync(join(homeDirectory, 'agent'), { recursive: true, mode: 0o700 });
  mkdirSync(dirname(state), { recursive: true, mode: 0o700 });
  const { interval = 1000, timeout = 2000, healthy = 1, unhealthy = 3 } = options;
  const { runAgent } = await import('../processes/agent.ts');
  await runAgent(
    {
      home: homeDirectory,
      listen,
      socket: socketPath(homeDirectory, agentSocketName),
      state,
      initial: options.initial ?? 'live',
      tokenFile: options.tokenFile === undefined ? undefined : resolve(cwd, options.tokenFile),
      agentCheck: optionalAddress('agent-check', options.agentCheck),
      agentCheckStandby: optionalAddress('agent-check-standby', options.agentCheckStandby),
      proxy: optionalAddress('proxy', options.proxy),
      control: control && { listen: control, advertise: options.advertise },
      instance: instance && {
        // What stands for every address of this machine can be listened on; to be called, it needs one of them.
        address: instance.host === '0.0.0.0' ? { ...instance, host: '127.0.0.1' } : instance,
        probe,
        intervalMs: interval,
        timeoutMs: timeout,
        healthy,
        unhealthy,
      },
      say: (text) => output.note(text),
    },
    ({ address, agentCheck, agentCheckStandby, proxy, control, health }) => {
      const { role } = health.role();
      if (json)
        answerJson(invocation, {
          ready: true,
          pid: process.pid,
          role,
          address,
          agentCheck,
          agentCheckStandby,
          proxy,
          control,
        });
      else
        output.line(
          [
            `${paint.green('ready:')} ${role}`,
            ...(address ? [`answers at ${formatAddress(address)}`] : []),
            ...(proxy ? [`proxy at ${formatAddress(proxy)}`] : []),
            ...(agentCheck ? [`agent checks at ${formatAddress(agentCheck)}`] : []),
            ...(control ? [`orders at ${formatAddress(control)}`] : []),
          ].join(', '),
        );
    },
  );
  return 0;
}

async function enable(invocation: Invocation, name: string | undefined): Promise<number> {
  if (!roles.some((each) => each === name))
    throw usage(
      `cutover agent enable: expected one of ${roles.join(', ')}, found ${name ?? 'nothing'}`,
      'cutover agent enable standby',
    );
  await askAgent(invocation.homeDirectory, 'POST', `/enable/${name}`);
  return tell(invocation, await askAgent(invocation.homeDirectory, 'GET', '/health'));
}

function tell(invocation: Invocation, health: Awaited<ReturnType<typeof askAgent>>): number {
  if (invocation.json) answerJson(invocation, health);
  else invocation.output.line(agentLine(health, invocation.paint));
  return 0;
}

async function check(
  invocation: Invocation,
  url: string | undefined,
  { enable = false, timeout = 2000, tokenFile }: AgentOptions,
): Promise<number> {
  if (url === undefined)
    throw usage('cutover agent check: expected a URL, found none', 'cutover agent check http://web1:8081');
  if (tokenFile !== undefined && !enable)
    throw usage(
      '--token-file: without --enable nothing is asked that needs a token',
      'leave it out, or add --enable',
    );
  const token = tokenFile === undefined ? undefined : tokenIn(resolve(invocation.cwd, tokenFile));
  const conformance = new Conformance(systemClock, placeOf(url), { enable, token, timeoutMs: timeout });
  const findings = await conformance.observe();
  const conforms = !findings.some(({ result }) => result === 'fail');
  if (invocation.json) answerJson(invocation, { conforms, findings });
  else for (const line of findingLines(findings, invocation.paint)) invocation.output.line(line);
  return conforms ? 0 : breachExit;
}

function tokenIn(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new CutoverError(
      'usage',
      `--token-file: expected a file with a token, found that ${file} cannot be read`,
      { cause },
    );
  }
}

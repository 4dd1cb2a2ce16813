import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { challengeKinds } from '../core/certificate-authority.ts';
import { parseScrapeAddress } from '../config/scrape-endpoint.ts';
import { parseDuration } from '../core/duration-text.ts';
import { modeNames } from '../core/mode.ts';
import type { CommonOptions, Invocation } from './invocation.ts';
import type { AbortOptions } from './verbs/abort.ts';
import type { AgentOptions } from './verbs/agent.ts';
import type { DeployOptions } from './verbs/deploy.ts';
import type { DownOptions } from './verbs/down.ts';
import type { HistoryOptions } from './verbs/history.ts';
import type { InitOptions } from './verbs/init.ts';
import type { ApproveOptions, ByOption, PauseOptions, PromoteOptions } from './verbs/intervene.ts';
import type { LogsOptions } from './verbs/logs.ts';
import type { ModeOptions } from './verbs/mode.ts';
import type { DiffOptions } from './verbs/diff.ts';
import type { ProxyOptions } from './verbs/proxy.ts';
import type { OpenOptions } from './verbs/open.ts';
import type { PreviewOptions } from './verbs/preview.ts';
import type { ReceiptOptions, ReceiptWords } from './verbs/receipt.ts';
import type { ShowOptions } from './verbs/show.ts';
import type { StatusOptions } from './verbs/status.ts';
import type { GoBackOptions } from './go-back.ts';
import type { KeepOptions } from './verbs/keep.ts';
import type { TopOptions } from './verbs/top.ts';
import type { UpOptions } from './verbs/up.ts';
import type { ReleaseOptions } from './release-order.ts';
import { version } from './version.ts';

/** What is typed, and what it does. */
export type Example = readonly [command: string, does: string];

/** The tree of commands, with the examples of each verb. */
export interface Program {
  readonly command: Command;
  readonly examples: ReadonlyMap<string, readonly Example[]>;
}

/** How a verb that was chosen is run: with what all verbs are told, to an exit code. */
export interface Running {
  readonly begin: (options: CommonOptions) => Invocation;
  readonly end: (exit: number) => void;
}

function whole(least: number, most: number) {
  return (text: string): number => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (number >= least && number <= most) return number;
    throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}`);
  };
}

/** A duration in milliseconds, within a day. */
function span(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms <= 86_400_000) return ms;
  throw new InvalidArgumentError('expected a duration such as 500ms, 10s or 5m, at most a day');
}

/** A duration in milliseconds, within a month. */
function longSpan(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= 1000 && ms <= 30 * 86_400_000) return ms;
  throw new InvalidArgumentError('expected a duration such as 30m, 8h or 2d, at most 30d');
}

function scrapeAddress(text: string): string {
  if (parseScrapeAddress(text)) return text;
  throw new InvalidArgumentError('expected an address such as 127.0.0.1:9180, or a port');
}

/** Every verb with its arguments, options and examples. What a verb does is loaded when it is run. */
export function makeProgram({ begin, end }: Running): Program {
  const examples = new Map<string, readonly Example[]>();
  const program = withCommonOptions(new Command('cutover'))
    .description(
      'Puts a new release of a service live with no request lost, and takes it back in an instant.',
    )
    .version(version, '-V, --version', 'Print the version')
    .helpOption('-h, --help', 'Show how it is used')
    .helpCommand('help [verb]', 'Show how a verb is used')
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureHelp({
      subcommandTerm: (command) =>
        `${command.name()} ${command.usage().replace(/^\[options\] ?/, '')}`.trim(),
    });

  const verb = (name: string, description: string, uses: readonly Example[]): Command => {
    examples.set(name, uses);
    return program
      .command(name)
      .description(description)
      .addHelpText('after', () => `\nExamples:\n${exampleLines(uses).join('\n')}`);
  };
  /** What all verbs are told may stand before the verb as well as after it. */
  const told = (command: Command): Invocation => {
    const above = program.opts<CommonOptions>();
    const own = command.opts<CommonOptions>();
    return begin({ ...above, ...own, color: above.color !== false && own.color !== false });
  };

  verb('init', 'Look at the folder and write a spec that works', [
    ['cutover init', 'write cutover.yaml for the program in this folder'],
    ['cutover init --force', 'write it over the one that is there'],
  ])
    .option('--force', 'Write over a spec that is there')
    .action(async (options: InitOptions, command: Command) => {
      end(await (await import('./verbs/init.ts')).init(told(command), options));
    });

  verb('up', 'Start the controller and the proxy', [
    ['cutover up', 'start both in the background; does nothing if they run'],
    ['cutover up --foreground', 'run the controller here, for a service manager'],
    ['cutover up --workers 2', 'the proxy with two worker processes'],
    ['cutover up --metrics 9180', 'with Prometheus metrics at http://127.0.0.1:9180/metrics'],
  ])
    .option('--foreground', 'Run the controller in this process until it is stopped')
    .option('--workers <n>', 'Worker processes of the proxy', whole(1, 256))
    .option(
      '--metrics <address>',
      'Where a started proxy serves its Prometheus metrics, e.g. 127.0.0.1:9180',
      scrapeAddress,
    )
    .option('--controller-metrics <address>', 'The same for a started controller', scrapeAddress)
    .action(async (options: UpOptions, command: Command) => {
      end(await (await import('./verbs/up.ts')).up(told(command), options));
    });

  verb('down', 'Stop the controller, the proxy and all instances', [
    ['cutover down', 'stop everything, requests in flight first finished'],
    ['cutover down --keep-running', 'stop the controller alone; traffic flows on'],
    ['cutover down --purge', 'stop everything and forget it: log, receipts and releases are removed'],
  ])
    .option('--keep-running', 'Leave the proxy and the instances as they are')
    .option('--purge', 'Remove the home directory too, with all releases and the log')
    .addOption(byOption())
    .action(async (options: DownOptions, command: Command) => {
      end(await (await import('./verbs/down.ts')).down(told(command), options));
    });

  withReleaseOptions(
    verb('plan', 'Print the steps that deploy would walk; change nothing', [
      ['cutover plan', 'the plan for the release that the spec names'],
      ['cutover plan build/', 'for the artifact in a directory'],
      ['cutover plan --release 3', 'for taking release 3 live again'],
      ['cutover plan --set set.yaml', 'for several services that change at one moment'],
    ]),
  ).action(async (source: string | undefined, options: ReleaseOptions, command: Command) => {
    end(await (await import('./verbs/plan.ts')).plan(told(command), source, options));
  });

  withReleaseOptions(
    verb('deploy', 'Take a release live, step by step, and follow until it is', [
      ['cutover deploy', 'the release that the spec names (release.from)'],
      ['cutover deploy --up', 'the same, and start the controller if it does not run'],
      ['cutover deploy build/ --version 1.4.0', 'the artifact in a directory, under a name'],
      ['cutover deploy shop-1.4.tar.gz --sha256 9f86d0…', 'an archive, verified'],
      ['cutover deploy git:v1.4.0', 'a git revision'],
      ['cutover deploy --release 3', 'release 3 again'],
      ['cutover deploy --set set.yaml', 'new releases of several services, which switch at one moment'],
    ]),
  )
    .option('--up', 'Start the controller if it does not run')
    .option('--detach', 'Do not follow; print how to')
    .option('--alone', aloneText)
    .action(async (source: string | undefined, options: DeployOptions, command: Command) => {
      end(await (await import('./verbs/deploy.ts')).deploy(told(command), source, options));
    });

  withGoBackOptions(
    verb('switch', 'Send the traffic to the other environment, if it is ready', [
      ['cutover switch green', 'all traffic to green'],
      ['cutover switch blue shop', 'the traffic of the service shop to blue'],
    ])
      .addArgument(new Argument('<colour>', 'blue or green').choices(['blue', 'green']))
      .argument('[service]', serviceText)
      .option('--alone', aloneText),
  ).action(async (colour: string, service: string | undefined, options: GoBackOptions, command: Command) => {
    end(await (await import('./verbs/switch.ts')).switchTo(told(command), colour, service, options));
  });

  withGoBackOptions(
    verb('rollback', 'Send the traffic back to the release before, which is kept hot', [
      ['cutover rollback', 'back, at once; on a terminal it asks first if writes are lost'],
      ['cutover rollback shop --json', 'back, and print what was measured as JSON'],
      ['cutover rollback --accept-loss --reason "orders are wrong"', 'also if going back is unsafe'],
      ['cutover rollback --set shop', 'all services of the set, at one moment'],
    ])
      .argument('[service]', serviceText)
      .addOption(setOption())
      .option('--alone', aloneText),
  ).action(async (service: string | undefined, options: GoBackOptions, command: Command) => {
    end(await (await import('./verbs/switch.ts')).rollback(told(command), service, options));
  });

  verb('keep', 'Keep the new side of a deployment that is frozen, and go on', [
    ['cutover keep --reason "the errors are known"', 'the deployment goes on, and succeeds with a note'],
    ['cutover keep shop --detach', 'order it and return'],
  ])
    .argument('[service]', serviceText)
    .addOption(setOption())
    .option('--detach', 'Do not follow')
    .option('--reason <text>', 'Why, for the record')
    .addOption(byOption())
    .action(async (service: string | undefined, options: KeepOptions, command: Command) => {
      end(await (await import('./verbs/keep.ts')).keep(told(command), service, options));
    });

  withModeOptions(
    verb('mode', 'Hold, refuse or turn away requests; without a mode, show the one in force', [
      ['cutover mode', 'how requests are met'],
      ['cutover mode read-only --reason "moving the database"', 'reads pass, writes wait'],
      ['cutover mode held --wait 10s', 'all wait, each for 10 seconds at most'],
      ['cutover mode closed --page maintenance.html', 'all get 503 and this page'],
      ['cutover mode open --pace 200', 'what waits goes on, 200 a second'],
    ]).addArgument(new Argument('[mode]', 'open, read-only, held or closed').choices([...modeNames])),
  )
    .option('--reason <text>', 'Why, for the record')
    .addOption(serviceOption())
    .addOption(byOption())
    .action(async (name: string | undefined, options: ModeOptions, command: Command) => {
      end(await (await import('./verbs/mode.ts')).mode(told(command), name, options));
    });

  verb('notify', 'Show who is told what happens; test sends each of them something', [
    ['cutover notify', 'what is still to be told, and what was'],
    ['cutover notify test', 'send a test to each target, and say what came of it'],
    ['cutover notify test shop', 'the same for the service shop'],
  ])
    .addArgument(new Argument('[action]', 'show or test (default: show)').choices(['show', 'test']))
    .argument('[service]', serviceText)
    .addOption(byOption())
    .action(
      async (
        action: string | undefined,
        service: string | undefined,
        options: ByOption,
        command: Command,
      ) => {
        end(await (await import('./verbs/notify.ts')).notify(told(command), action, service, options));
      },
    );

  withGoBackOptions(
    verb('abort', 'Take back the deployment that is under way', [
      ['cutover abort', 'take it back, and follow until that is done'],
      ['cutover abort shop --detach', 'order it and return'],
    ])
      .argument('[service]', serviceText)
      .addOption(setOption())
      .option('--detach', 'Do not follow'),
  ).action(async (service: string | undefined, options: AbortOptions, command: Command) => {
    end(await (await import('./verbs/abort.ts')).abort(told(command), service, options));
  });

  verb('approve', 'Approve the deployment that waits at a gate, or reject it', [
    ['cutover approve shop --by ann', 'open the gate that is waited at'],
    ['cutover approve --gate 2 --by ann', 'a gate by its number in the spec, also before it is reached'],
    ['cutover approve --reject --reason "not today" --by ann', 'say no: the deployment is taken back'],
  ])
    .argument('[service]', serviceText)
    .option('--gate <n>', 'Its number in the spec (default: the one that is waited at)', whole(1, 20))
    .option('--reject', 'Say no')
    .option('--reason <text>', 'Why, for the record')
    .addOption(byOption())
    .action(async (service: string | undefined, options: ApproveOptions, command: Command) => {
      end(await (await import('./verbs/intervene.ts')).approve(told(command), service, options));
    });

  verb('pause', 'Begin no further step of the deployment that is under way', [
    ['cutover pause', 'what has begun ends; the traffic stays as it is then'],
    ['cutover pause shop --reason "looking at the errors"', 'and say why, for the record'],
  ])
    .argument('[service]', serviceText)
    .option('--reason <text>', 'Why, for the record')
    .addOption(byOption())
    .action(async (service: string | undefined, options: PauseOptions, command: Command) => {
      end(await (await import('./verbs/intervene.ts')).pause(told(command), service, options));
    });

  verb('resume', 'Go on after a pause, or after the hold of a canary', [
    ['cutover resume', 'the next step begins'],
    ['cutover resume shop --by ann', 'the same, by name'],
  ])
    .argument('[service]', serviceText)
    .addOption(byOption())
    .action(async (service: string | undefined, options: ByOption, command: Command) => {
      end(await (await import('./verbs/intervene.ts')).resume(told(command), service, options));
    });

  verb('promote', 'Skip what is left of a canary, or after the switch of a bake', [
    ['cutover promote', 'switch now; no check is skipped'],
    ['cutover promote shop --force --by ann', 'pass its gates too'],
  ])
    .argument('[service]', serviceText)
    .option('--force', 'Pass gates too; who did is on record')
    .addOption(byOption())
    .action(async (service: string | undefined, options: PromoteOptions, command: Command) => {
      end(await (await import('./verbs/intervene.ts')).promote(told(command), service, options));
    });

  verb('status', 'Show what runs where, who is live, and what is under way', [
    ['cutover status', 'all services of this controller'],
    ['cutover status shop --watch', 'one, drawn over and over until Ctrl-C'],
    ['cutover status --json', 'as one JSON document'],
  ])
    .argument('[service]', 'Only this one')
    .addOption(setOption())
    .option('--watch', 'Draw it over and over')
    .action(async (service: string | undefined, options: StatusOptions, command: Command) => {
      end(await (await import('./verbs/status.ts')).status(told(command), service, options));
    });

  verb('preview', 'Show the ways to the next release, which users do not see yet', [
    ['cutover preview', 'its address, its host, its header'],
    ['cutover preview --cookie', 'with a link that opens it in a browser, for 8 hours'],
    [
      'cutover preview shop --cookie --release 8 --for 2d',
      'a link for release 8, before it is live and after',
    ],
    ['cutover preview --admin /run/shop.sock', 'of a proxy that runs by itself'],
  ])
    .argument('[service]', serviceText)
    .option('--cookie', 'Sign a link: who opens it sees the next release on the address of users')
    .option('--for <time>', 'How long the link is good for, e.g. 30m or 2d (default: 8h)', longSpan)
    .addOption(
      new Option('--release <n>', 'The link is for this release, wherever it is').argParser(
        whole(1, 999_999_999),
      ),
    )
    .option('--admin <socket>', 'The admin socket of a proxy, to ask it instead of the controller')
    .action(async (service: string | undefined, options: PreviewOptions, command: Command) => {
      end(await (await import('./verbs/preview.ts')).preview(told(command), service, options));
    });

  verb('open', 'Open the service in a browser', [
    ['cutover open', 'what users see'],
    ['cutover open --preview', 'the next release'],
  ])
    .argument('[service]', serviceText)
    .option('--live', 'What users see (the default)')
    .option('--preview', 'The next release')
    .option('--admin <socket>', 'The admin socket of a proxy, to ask it instead of the controller')
    .action(async (service: string | undefined, options: OpenOptions, command: Command) => {
      end(await (await import('./verbs/open.ts')).open(told(command), service, options));
    });

  verb('top', 'Watch the rates of blue and green, side by side', [
    ['cutover top', 'requests, errors, latencies and bytes, each second until Ctrl-C'],
    ['cutover top shop --json --count 10', 'ten readings, one JSON document to a line'],
    ['cutover top --admin .cutover/proxy/admin.sock', 'straight from a proxy, without the controller'],
  ])
    .argument('[service]', serviceText)
    .option('--count <n>', 'End after so many readings', whole(1, 999_999_999))
    .option('--admin <socket>', 'The admin socket of a proxy, to ask it instead of the controller')
    .action(async (service: string | undefined, options: TopOptions, command: Command) => {
      end(await (await import('./verbs/top.ts')).top(told(command), service, options));
    });

  verb('history', 'List the deployments, newest first', [
    ['cutover history', 'the last 20'],
    ['cutover history shop --limit 200 --json', 'more of them, as JSON'],
  ])
    .argument('[service]', serviceText)
    .addOption(setOption())
    .addOption(new Option('--limit <n>', 'How many').argParser(whole(1, 1000)).default(20))
    .action(async (service: string | undefined, options: HistoryOptions, command: Command) => {
      end(await (await import('./verbs/history.ts')).history(told(command), service, options));
    });

  verb('show', 'Show one deployment, step by step', [
    ['cutover show', 'the last one'],
    ['cutover show 7', 'deployment 7'],
    ['cutover show --follow', 'follow it until it has ended'],
  ])
    .addArgument(
      new Argument('[deployment]', 'Its number (default: the last one)').argParser(whole(1, 999_999_999)),
    )
    .option('--follow', 'Follow it until it has ended')
    .addOption(serviceOption())
    .action(async (id: number | undefined, options: ShowOptions, command: Command) => {
      end(await (await import('./verbs/show.ts')).show(told(command), id, options));
    });

  verb('logs', 'Print the last lines that the instances wrote', [
    ['cutover logs', 'of the live environment'],
    ['cutover logs --follow', 'of both, and what they write from now on, until Ctrl-C'],
    ['cutover logs --environment green --layer worker --lines 500', 'more of one layer of the other one'],
  ])
    .argument('[service]', serviceText)
    .option('--layer <name>', 'Only this layer')
    .addOption(
      new Option(
        '--environment <colour>',
        'blue or green (default: the live one; both with --follow)',
      ).choices(['blue', 'green']),
    )
    .addOption(
      new Option('--lines <n>', 'How many of each instance').argParser(whole(1, 10_000)).default(100),
    )
    .option('--follow', 'Go on with what they write, until Ctrl-C')
    .action(async (service: string | undefined, options: LogsOptions, command: Command) => {
      end(await (await import('./verbs/logs.ts')).logs(told(command), service, options));
    });

  verb('receipt', 'Print the measured proof of a deployment; export and verify all of them', [
    ['cutover receipt', 'of the last one'],
    ['cutover receipt 7 --json', 'of deployment 7, as JSON'],
    ['cutover receipt 7 --html > receipt.html', 'as one page that needs nothing else, with the timeline'],
    ['cutover receipt export > receipts.jsonl', 'all of a service, oldest first, a line of JSON each'],
    ['cutover receipt verify', 'see that none of them was changed or taken out since it was written'],
    ['cutover receipt verify receipts.jsonl', 'the same for an export; no controller is needed'],
  ])
    .addArgument(
      new Argument(
        '[what]',
        'The number of a deployment (default: the last one), or export, or verify',
      ).argParser(receiptWords),
    )
    .argument('[file]', 'For verify: an export; - is the standard input')
    .option('--html', 'Print it as an HTML page')
    .option('--head <hash>', 'For verify: the hash that the newest one has to have')
    .addOption(serviceOption())
    .addOption(setOption())
    .action(
      async (
        what: ReceiptWords | undefined,
        file: string | undefined,
        options: ReceiptOptions,
        command: Command,
      ) => {
        end(await (await import('./verbs/receipt.ts')).receipt(told(command), what, file, options));
      },
    );

  withModeOptions(
    verb('proxy', 'Run the proxy by itself, or lead one that runs', [
      ['cutover proxy --listen :8080 --blue 127.0.0.1:3000 --green 127.0.0.1:3001', 'blue is live'],
      ['cutover proxy switch green --admin /run/shop.sock', 'all traffic to green'],
      [
        'cutover proxy switch green --drain 30s --admin /run/shop.sock',
        'and wait until blue is free; what has not ended by then is ended',
      ],
      ['cutover proxy weights blue=90 green=10 --admin /run/shop.sock', 'a tenth of the requests to green'],
      [
        'cutover proxy mirror 5% --admin /run/shop.sock',
        'copies of a twentieth to the other side, answers compared',
      ],
      ['cutover proxy mirror --admin /run/shop.sock', 'what they have shown'],
      ['cutover proxy mode held --admin /run/shop.sock', 'hold new requests; mode open lets them go'],
      ['cutover proxy status --admin /run/shop.sock --json', 'what it does, as JSON'],
      [
        'cutover proxy join --control 192.0.2.7:7443',
        'on another machine: be one of several, led by a controller',
      ],
      ['cutover proxy token > token', 'there: what lets a controller in, once'],
      ['cutover proxy enroll edge1 192.0.2.7:7443 --token-file token', 'at the controller'],
      ['cutover proxy members', 'those that it is enrolled at, and whether they answer'],
      [
        'cutover proxy upgrade --admin /run/shop.sock',
        'restart it as the program now on disk; nobody notices',
      ],
    ]),
  )
    .addArgument(
      new Argument('[action]', 'What to do with one that runs; without it, one is run here').choices([
        'join',
        'token',
        'enroll',
        'members',
        'mirror',
        'mode',
        'status',
        'switch',
        'upgrade',
        'weights',
      ]),
    )
    .argument(
      '[values...]',
      'For switch: blue or green; for mirror: a share such as 5%, or off; for mode: open, read-only, held or closed; for weights: blue=N green=N',
    )
    .option('--listen <address>', 'Where users reach it; port 0 takes a free one')
    .option('--blue <addresses>', 'Instances of blue: HOST:PORT, more of them with commas')
    .option('--green <addresses>', 'Instances of green')
    .addOption(
      new Option('--live <colour>', 'Who gets the traffic (default: as it was, else blue)').choices([
        'blue',
        'green',
      ]),
    )
    .option(
      '--assets <paths>',
      'Paths, with commas, whose 404s the side that was live before may answer, e.g. "/assets/*"',
    )
    .option('--preview <address>', 'An address of its own for the side that is not live')
    .option('--preview-host <host>', 'A host on --listen that reaches it')
    .option('--preview-header <name=file>', 'A header that reaches it, with the file of its secret value')
    .option('--preview-cookie [path]', 'Let browsers reach it by the links of cutover preview --cookie')
    .option(
      '--tls-cert <file>',
      'Serve TLS: the certificate with its chain, in PEM; read again when it changes',
    )
    .option('--tls-key <file>', 'Its private key, in PEM')
    .option('--proxy-protocol', 'Close connections that do not begin with a PROXY protocol header')
    .option(
      '--trust <networks>',
      'Whose word is taken for who a client is, e.g. 10.0.0.0/8,fd00::/8: in PROXY headers, X-Forwarded-* and Forwarded',
    )
    .option(
      '--limit <name=value>',
      'One of the limits of docs/limits.md, e.g. body=1048576 or headTime=5s; may be repeated',
      (value: string, all: string[] = []) => [...all, value],
    )
    .option(
      '--sticky <how>',
      'Keep requests that belong together at one instance: by cookie, client or header:NAME',
    )
    .option(
      '--side-header <name>',
      'While both sides get traffic: a header by which clients choose blue or green',
    )
    .option(
      '--error-page <status=file>',
      'A page for a status that the proxy answers with, or for 4xx or 5xx; once for each',
      (word: string, words: string[] = []) => [...words, word],
    )
    .option(
      '--tls-redirect <address>',
      'Where plain HTTP is answered with a redirect to https (default: none; with --acme by http-01 port 80)',
    )
    .option(
      '--acme <hosts>',
      'Obtain and renew certificates of these hosts from an authority, whose terms you agree to; needs --home',
    )
    .option('--acme-email <address>', 'Where the authority writes about the account')
    .option('--acme-directory <url>', 'The directory of the authority (default: Let’s Encrypt)')
    .option('--acme-ca <file>', 'Certificates by which the authority’s own server is trusted, in PEM')
    .addOption(
      new Option('--acme-challenge <kind>', 'How it is shown that a host is ours (default: http-01)').choices(
        challengeKinds,
      ),
    )
    .option('--access-log <file>', 'Write a line of JSON for each request there; - is standard output')
    .addOption(
      new Option('--upstream-protocol <protocol>', 'How instances are spoken to (default: http1)').choices([
        'http1',
        'h2',
      ]),
    )
    .option('--upstream-tls', 'Speak TLS to the instances; the options below say so, too')
    .option('--upstream-ca <file>', 'Who signs their certificates, in PEM (default: whom the system trusts)')
    .option('--upstream-name <host>', 'The name that their certificates hold (default: that of the address)')
    .option('--upstream-cert <file>', 'A certificate of our own for them, in PEM')
    .option('--upstream-key <file>', 'Its private key, in PEM')
    .option('--upstream-insecure', 'Take any certificate of theirs: for tests')
    .addOption(
      new Option(
        '--send-proxy <version>',
        'Tell the instances who the client is, by a PROXY header (default: none)',
      ).choices(['v1', 'v2']),
    )
    .option('--metrics <address>', 'Serve Prometheus metrics there, e.g. 127.0.0.1:9180', scrapeAddress)
    .option('--admin <socket>', 'Path of the admin socket (default: proxy/admin.sock in the home directory)')
    .option('--workers <n>', 'Worker processes (default: one for each core, at most 8)', whole(1, 64))
    .option('--service <name>', 'Which service of a proxy that has several')
    .option(
      '--drain <time>',
      'For switch: wait until the old side has nothing in flight, for at most this time, e.g. 30s',
      span,
    )
    .addOption(
      new Option(
        '--leftover <what>',
        'With --drain: close what is in flight after that, or keep it (default: close)',
      ).choices(['close', 'keep']),
    )
    .option('--methods <names>', 'For mirror: which are copied, e.g. GET,POST (default: GET, HEAD, OPTIONS)')
    .option('--unsafe', 'For mirror: also methods that change something, which is then done twice')
    .option(
      '--ignore <place>',
      'For mirror: what may differ, e.g. $.requestId or "header date"; may be repeated',
      (value: string, all: string[] = []) => [...all, value],
    )
    .option(
      '--redact <field>',
      'For mirror: a field that no report shows; may be repeated',
      (value: string, all: string[] = []) => [...all, value],
    )
    .option('--strip <headers>', 'For mirror: headers that copies go without, e.g. cookie,authorization')
    .option('--html <file>', 'For mirror: write the report there as a page')
    .option('--close-over <time>', 'With --drain: the time over which it is closed (default: 10s)', span)
    .option('--control <address>', 'For join: where the controller gives orders, e.g. 192.0.2.7:7443')
    .option(
      '--token-file <file>',
      'For enroll: the token that cutover proxy token printed there; - is the standard input',
    )
    .option('--valid <time>', 'For token: how long it holds (default: 15m)', span)
    .action(async (action: string | undefined, values: string[], options: ProxyOptions, command: Command) => {
      end(await (await import('./verbs/proxy.ts')).proxy(told(command), action, values, options));
    });

  verb('agent', 'Run beside an instance and tell balancers what it is there for; check programs that do so', [
    [
      'cutover agent run --listen :8081 --instance 127.0.0.1:3000 --check http:/healthz',
      'answer /live and /standby for it',
    ],
    [
      'cutover agent run --listen :8081 --instance 127.0.0.1:3000 --proxy :8080',
      'and be the proxy in front of it, which counts what is in flight',
    ],
    ['cutover agent enable standby', 'take the instance of the agent on this machine out of service'],
    ['cutover agent status', 'what it is there for, and how it is'],
    ['cutover agent check http://web1:8081', 'see whether a program keeps to the protocol; change nothing'],
    [
      'cutover agent check http://web1:8081 --enable --token-file token',
      'the same, and change its role and change it back',
    ],
    ['cutover agent run --control :7443 --advertise 192.0.2.1', 'run releases on this host for controllers'],
    ['cutover agent token', 'on the host: print what lets one controller in, once'],
    ['cutover agent enroll web1 192.0.2.1:7443 --token-file token', 'at the controller: get in there'],
  ])
    .addArgument(
      new Argument('<action>', 'What to do').choices([
        'run',
        'status',
        'enable',
        'check',
        'token',
        'enroll',
        'hosts',
      ]),
    )
    .argument(
      '[values...]',
      'For enable: live, standby or maintenance; for check: a URL; for enroll: a name and HOST:PORT',
    )
    .option('--listen <address>', 'For run: where balancers ask; port 0 takes a free one')
    .option('--instance <address>', 'For run: the instance that is watched, HOST:PORT')
    .option('--check <what>', 'For run: how it is checked, tcp or http:/PATH (default: tcp)')
    .option('--interval <time>', 'For run: between two checks (default: 1s)', span)
    .option('--timeout <time>', 'For run and check: how long one answer may take (default: 2s)', span)
    .option('--healthy <n>', 'For run: good checks in a row that make it healthy (default: 1)', whole(1, 100))
    .option(
      '--unhealthy <n>',
      'For run: bad checks in a row that make it unhealthy (default: 3)',
      whole(1, 100),
    )
    .addOption(
      new Option('--initial <role>', 'For run: its role while none was ever set (default: live)').choices([
        'live',
        'standby',
        'maintenance',
      ]),
    )
    .option('--state <file>', 'For run: where the role is kept (default: agent/role.json in the home)')
    .option(
      '--token-file <file>',
      'For run and check: who has this token may change the role; for enroll: the token of the host, - is the standard input',
    )
    .option('--agent-check <address>', 'For run: answer HAProxy’s agent checks for the live side there')
    .option('--agent-check-standby <address>', 'For run: the same for the standby side')
    .option('--proxy <address>', 'For run: be the proxy to the instance there, and count what is in flight')
    .option('--control <address>', 'For run: take orders of controllers that have enrolled there')
    .option('--advertise <ip>', 'For run: at which address of this host instances listen (default: loopback)')
    .option('--valid <time>', 'For token: how long it may be used (default: 15m)', span)
    .option('--enable', 'For check: change the role too, and change it back')
    .action(async (action: string, values: string[], options: AgentOptions, command: Command) => {
      end(await (await import('./verbs/agent.ts')).agent(told(command), action, values, options));
    });

  verb('diff', 'Show how the answers of a new release differ from those of the live one', [
    ['cutover diff', 'of the last deployment that had a mirror, also while it goes on'],
    ['cutover diff shop 7 --json', 'of deployment 7 of shop, as JSON'],
    ['cutover diff --html diff.html', 'as one page that needs nothing else'],
  ])
    .argument('[service]', serviceText)
    .addArgument(new Argument('[deployment]', 'Its number').argParser(whole(1, 999_999_999)))
    .option('--html <file>', 'Write it there as a page')
    .action(
      async (
        service: string | undefined,
        deployment: number | undefined,
        options: DiffOptions,
        command: Command,
      ) => {
        end(await (await import('./verbs/diff.ts')).diff(told(command), service, deployment, options));
      },
    );

  verb('schema', 'Print the JSON Schema of a spec', [
    ['cutover schema > cutover.schema.json', 'for an editor that checks while you type'],
  ]).action(async (_options: unknown, command: Command) => {
    end((await import('./verbs/schema.ts')).schema(told(command)));
  });

  verb('doctor', 'See whether all that Cutover needs is there, and say what to do about what is not', [
    ['cutover doctor', 'look at this machine, this folder and the controller'],
  ]).action(async (_options: unknown, command: Command) => {
    end(await (await import('./verbs/doctor.ts')).doctor(told(command)));
  });

  verb('completion', 'Print a script that completes words in a shell', [
    ['cutover completion bash > ~/.local/share/bash-completion/completions/cutover', 'for bash'],
    ['cutover completion zsh > "${fpath[1]}/_cutover"', 'for zsh'],
    ['cutover completion fish > ~/.config/fish/completions/cutover.fish', 'for fish'],
  ])
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: string, _options: unknown, command: Command) => {
      end((await import('./verbs/completion.ts')).completion(told(command), program, shell));
    });

  for (const each of program.commands) withCommonOptions(each);
  return { command: program, examples };
}

/** A number, `export` or `verify`. */
function receiptWords(text: string): ReceiptWords {
  if (text === 'export' || text === 'verify') return text;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected the number of a deployment, export or verify');
}

const serviceText = 'Its name (default: that in the spec of this folder, else the only one there is)';

const aloneText = 'Also of a service that changes with a set: it goes its own way from here on';

const setOption = (): Option => new Option('--set <name>', 'All services of this set, at one moment');

const serviceOption = (): Option => new Option('--service <name>', serviceText);

/** What all verbs that take traffic back are told. */
const withGoBackOptions = (command: Command): Command =>
  command
    .option('--yes', 'Do not ask, though writes are lost')
    .option('--accept-loss', 'Also if going back is unsafe')
    .option('--reason <text>', 'Why, for the record')
    .addOption(byOption());

const byOption = (): Option =>
  new Option('--by <who>', 'Who orders it, for the record (default: you@this-host)');

const withCommonOptions = (command: Command): Command =>
  command
    .optionsGroup('Of every verb:')
    .option(
      '--home <dir>',
      'Home directory (default: $CUTOVER_HOME, else .cutover beside the spec, else .cutover here)',
    )
    .option(
      '-f, --spec <file>',
      'The spec (default: cutover.yaml, cutover.yml or cutover.config.ts in this folder)',
    )
    .option('--json', 'Print one JSON document')
    .option('--no-color', 'No colours, also on a terminal')
    .helpOption('-h, --help', 'Show how it is used');

/** What a mode is like; what is not said is as the spec has it, or by default. */
const withModeOptions = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--writes <what>',
        'For read-only: hold or refuse requests that may change something',
      ).choices(['hold', 'refuse']),
    )
    .option('--wait <time>', 'How long one request is held, e.g. 30s; then 503', span)
    .option('--queue <n>', 'Requests held at most; one more gets 503', whole(0, 1_000_000))
    .option('--pace <n>', 'Held requests that are let go in a second', whole(1, 1_000_000))
    .option('--retry-after <time>', 'What Retry-After says in a 503', span)
    .option('--page <file>', 'For closed: what is shown to who accepts it (.html, .txt, .json or .xml)');

const withReleaseOptions = (command: Command): Command =>
  command
    .argument(
      '[source]',
      'A directory, a .tar, .tar.gz or .tgz archive, or git:REVISION (default: release.from in the spec)',
    )
    .option(
      '--version <name>',
      'What the release is called (default: its git commit, else the version in its package.json, else the time)',
    )
    .addOption(
      new Option('--release <n>', 'Take a release that exists live again').argParser(whole(1, 999_999_999)),
    )
    .option('--sha256 <digest>', 'What an archive must be, in hexadecimal')
    .option('--repository <dir>', 'Where git:REVISION is from (default: the folder of the spec)')
    .option('--set <file>', 'The file of a set: releases of all of its services, each by its own spec')
    .addOption(byOption());

/** Examples for the help of a verb. */
function exampleLines(uses: readonly Example[]): string[] {
  return uses.flatMap(([command, does]) => [`  ${command}`, `      ${does}`]);
}

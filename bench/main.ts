// `npm run bench -- NAME [option …]`: runs one bench. Without a name, lists them.

interface Bench {
  readonly about: string;
  /** Returns the exit code. */
  readonly run: (args: string[]) => Promise<number>;
}

const benches: Readonly<Record<string, Bench>> = {
  proxy: {
    about:
      'processor time per proxied request beside HAProxy, nginx and Caddy (--case NAME, --rounds N, --seconds S)',
    run: async (args) => (await import('./proxy/bench.ts')).benchProxy(args),
  },
  scale: {
    about: 'throughput of the proxy with 1 and 2 workers (--rounds N, --seconds S)',
    run: async (args) => (await import('./proxy/scale.ts')).benchScale(args),
  },
  scorecard: {
    about: 'what is promised of reliability, with faults put in (--row N, --minutes M); docs/reliability.md',
    run: async (args) => (await import('./scorecard/scorecard.ts')).benchScorecard(args),
  },
  slow: {
    about:
      'slow heads, bodies and readers beside a normal load (--clients N, --pace N a second, 0: at once; --peer NAME)',
    run: async (args) => (await import('./slow/slow.ts')).benchSlow(args),
  },
  own: {
    about: 'processor time of our own code for a request, without kernel and sockets (--rounds N)',
    run: async (args) => (await import('./proxy/own-code.ts')).benchOwnCode(args),
  },
  lifecycle: {
    about:
      'bad releases: which stage catches each, and how often a good one is blamed (--runs N, --case NAME)',
    run: async (args) => (await import('./lifecycle/lifecycle.ts')).benchLifecycle(args),
  },
  analysis: {
    about:
      'simulated releases: how soon the analysis finds out bad ones, and how often it is wrong (--runs N)',
    run: async (args) => (await import('./analysis.ts')).benchAnalysis(args),
  },
  mirror: {
    about:
      'processor time and latency of requests with 0, 1 and 10 % of them copied (--rounds N, --seconds S)',
    run: async (args) => (await import('./mirror.ts')).benchMirror(args),
  },
  kernel: {
    about:
      'throughput through the kernel as router, beside that straight to an instance (--rounds N, --seconds S)',
    run: async (args) => (await import('./kernel.ts')).benchKernel(args),
  },
  switch: {
    about: 'each router: requests that fail, time of a switch, added latency (--switches N, --seconds S)',
    run: async (args) => (await import('./switch/switch.ts')).benchSwitch(args),
  },
  fleet: {
    about:
      'two stacks of three hosts renewed behind HAProxy, then with a host killed in each step (--requests N, --steps ship,…)',
    run: async (args) => (await import('./fleet.ts')).benchFleet(args),
  },
  deploy: {
    about: 'switch, rollback, deploy and status times with load',
    run: async () => (await import('./deploy.ts')).benchDeploy(),
  },
};

const [name = '', ...args] = process.argv.slice(2);
const bench = benches[name];
if (bench) process.exitCode = await bench.run(args);
else {
  if (name) console.error(`There is no bench "${name}".`);
  console.error('Usage: npm run bench -- NAME [option …]\n');
  for (const [known, { about }] of Object.entries(benches)) console.error(`  ${known.padEnd(10)}${about}`);
  process.exitCode = name ? 2 : 0;
}

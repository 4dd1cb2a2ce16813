import { formatAddress } from '../core/address.ts';
import { formatDuration } from '../core/duration.ts';
import { CutoverError } from '../core/errors.ts';
import { addressesOf } from '../core/placement.ts';
import { routedLayer } from '../core/spec.ts';
import type { Check } from '../core/spec/check.ts';
import type { CheckResult } from '../ports/check.ts';
import { logTail, probing } from './probe.ts';
import { nothingToUndo, type Step, type StepContext } from './step.ts';

export const verify: Step<'verify'> = {
  describe: ({ colour, release, checks }) =>
    checks === 0
      ? `no checks to run against release ${release} on ${colour}`
      : `run ${checks} ${checks === 1 ? 'check' : 'checks'} against release ${release} on ${colour}`,
  describeUndo: () => null,

  async run({ colour, release: number }, context) {
    const release = context.release(number);
    const { placement, run } = await probing(context, colour, release);
    const [address, ...others] = addressesOf(placement, routedLayer(release.spec));
    if (!address) throw new CutoverError('internal', `release ${number} has no instance that gets traffic`);
    const began = context.clock.monotonic();
    for (const [index, check] of release.spec.checks.entries()) {
      const name = check.name ?? `check ${index + 1}`;
      context.report(name);
      const result = await attempt(context, check, () => run(check, address, check.timeout, others));
      if (!result.ok) {
        const log = await logTail(context, colour, routedLayer(release.spec));
        throw new CutoverError(
          'verify-failed',
          `${name} against ${formatAddress(address)} on ${colour}: ${result.detail}`,
          {
            next: 'the release was not switched to; mend it and deploy again',
            detail: result.output ? { ...log, output: result.output } : log,
          },
        );
      }
    }
    const count = release.spec.checks.length;
    const says =
      count === 0
        ? 'no checks in the spec'
        : `${count} passed in ${formatDuration(context.clock.monotonic() - began)}`;
    return { says, events: [{ type: 'environment-verified', colour, release: number }] };
  },

  undo: nothingToUndo,
};

async function attempt(
  context: StepContext,
  check: Check,
  run: () => Promise<CheckResult>,
): Promise<CheckResult> {
  for (let attempts = 1; ; attempts++) {
    const result = await run();
    if (result.ok || attempts >= check.attempts) return result;
    await context.clock.sleep(check.interval, context.signal);
  }
}

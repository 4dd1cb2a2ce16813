import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { CutoverError } from '../../core/errors.ts';
import type { DiffReport } from '../../core/mirror/diff-report.ts';
import { connect } from '../connect.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { diffLines } from '../render/diff.ts';
import { serviceName } from '../service-name.ts';

export interface DiffOptions {
  readonly html?: string;
}

/** What the mirror of a deployment has found: the one that is named, else the last one that had a mirror. */
export async function diff(
  invocation: Invocation,
  service: string | undefined,
  deployment: number | undefined,
  options: DiffOptions,
): Promise<number> {
  const client = connect(invocation);
  const name = await serviceName(invocation, client, service);
  const { report } = await client.diff(name, deployment);
  if (report === null)
    throw new CutoverError(
      'deployment-unknown',
      `service ${name}: expected a report of a mirror${deployment === undefined ? '' : ` of deployment ${deployment}`}, found none`,
      { next: 'put mirror into the spec and deploy; the reports of the last 20 mirrors are kept' },
    );
  await tellReport(invocation, report, options);
  return 0;
}

/** Prints a report, as JSON if that is asked for, or writes it as a page for this user alone. */
export async function tellReport(
  invocation: Invocation,
  report: DiffReport,
  { html }: DiffOptions,
): Promise<void> {
  const { json, output, cwd, paint } = invocation;
  if (html !== undefined && json)
    throw new CutoverError('usage', '--html writes a page, and --json prints JSON', {
      next: 'leave one out',
    });
  if (json) return answerJson(invocation, report);
  if (html === undefined) {
    for (const line of diffLines(report, paint)) output.line(line);
    return;
  }
  const { diffPage } = await import('../diff-page/page.ts');
  const path = resolve(cwd, html);
  try {
    writeFileSync(path, diffPage(report), { mode: 0o600 });
  } catch (cause) {
    throw new CutoverError(
      'io-failed',
      `--html ${html}: expected to write the page, found ${cause instanceof Error ? cause.message : String(cause)}`,
      { next: 'name a file in a directory that is there and is yours', cause },
    );
  }
  output.line(`${html}: written`);
}

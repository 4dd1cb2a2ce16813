import { CutoverError } from '../../core/errors.ts';
import { firstBreak } from '../../core/receipt-chain.ts';
import type { Receipt } from '../../core/receipt.ts';
import { sha256 } from '../../engine/sha256.ts';
import { connect } from '../connect.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { readReceipts, type WrittenReceipt } from '../receipt-file.ts';
import { receiptLines } from '../render/receipt.ts';
import { counted } from '../render/words.ts';
import { serviceName } from '../service-name.ts';
import { harmless } from '../terminal/text.ts';
import { expectNoService, receiptSet } from './set.ts';
import { theDeployment } from './show.ts';

export interface ReceiptOptions {
  readonly service?: string;
  readonly html?: boolean;
  readonly head?: string;
  readonly set?: string;
}

/** What is wanted: the receipt of one deployment, or something of all of them. */
export type ReceiptWords = number | 'export' | 'verify';

const usage = (message: string, next: string): CutoverError => new CutoverError('usage', message, { next });

/** The measured proof of one deployment, or all of them: to be kept elsewhere, or to be verified. */
export async function receipt(
  invocation: Invocation,
  what: ReceiptWords | undefined,
  file: string | undefined,
  options: ReceiptOptions,
): Promise<number> {
  if (options.set !== undefined) {
    if (typeof what === 'string' || options.html === true)
      throw usage('--set is for the receipts of one deployment of a set', 'name its number, or nothing');
    expectNoService(options.service, options.set);
    return receiptSet(invocation, options.set, what);
  }
  if (file !== undefined && what !== 'verify')
    throw usage(`cutover receipt: expected no more words, found ${file}`, 'leave it out');
  if (options.head !== undefined && what !== 'verify')
    throw usage('--head is for cutover receipt verify', 'leave it out');
  if (options.html === true && (invocation.json || what === 'export' || what === 'verify'))
    throw usage('--html is for the receipt of one deployment, and without --json', 'leave one of them out');
  if (what === 'export') return exportAll(invocation, options.service);
  if (what === 'verify') return verify(invocation, file, options);
  return one(invocation, what, options);
}

async function one(
  invocation: Invocation,
  id: number | undefined,
  { service, html }: ReceiptOptions,
): Promise<number> {
  const view = await theDeployment(invocation, connect(invocation), id, service);
  if (view.receipt === null) {
    throw new CutoverError(
      'deployment-running',
      `service ${view.service}, deployment ${view.id}: expected it to have ended, found it ${view.status}; the receipt is made at its end`,
      { next: `cutover show ${view.id} --follow --service ${view.service}` },
    );
  }
  if (invocation.json) answerJson(invocation, view.receipt);
  else if (html === true) {
    const { receiptPage } = await import('../receipt-page/page.ts');
    invocation.output.line(receiptPage(view.receipt).trimEnd());
  } else for (const line of receiptLines(view.receipt, invocation.paint)) invocation.output.line(line);
  return 0;
}

async function receiptsOf(
  invocation: Invocation,
  service: string | undefined,
): Promise<readonly [name: string, receipts: readonly Receipt[]]> {
  const client = connect(invocation);
  const name = await serviceName(invocation, client, service);
  return [name, await client.receipts(name)];
}

async function exportAll(invocation: Invocation, service: string | undefined): Promise<number> {
  const [, receipts] = await receiptsOf(invocation, service);
  for (const each of receipts) invocation.output.line(JSON.stringify(each));
  return 0;
}

async function verify(
  invocation: Invocation,
  file: string | undefined,
  { service, head }: ReceiptOptions,
): Promise<number> {
  let receipts: readonly WrittenReceipt[];
  let where: string;
  if (file === undefined) {
    const [name, found] = await receiptsOf(invocation, service);
    receipts = found;
    where = `service ${name}`;
  } else {
    receipts = readReceipts(file, invocation.cwd);
    where = file === '-' ? 'the standard input' : file;
    const stranger = service === undefined ? undefined : receipts.find((each) => each['service'] !== service);
    if (stranger)
      throw broken(where, stranger, `it to be of service ${service}`, nameOf(stranger['service']));
  }
  const found = firstBreak(receipts, sha256);
  if (found) throw broken(where, receipts[found.index] ?? {}, found.expected, found.found);
  const last = receipts.at(-1)?.['hash'] ?? null;
  if (head !== undefined && last !== head) {
    throw new CutoverError(
      'receipt-broken',
      `${where}: expected the newest receipt to have the hash ${head}, found ${nameOf(last)}`,
      {
        next: 'receipts are missing at its end, or others were written: compare it with another copy',
        detail: { expected: head, found: last },
      },
    );
  }
  if (invocation.json) answerJson(invocation, { whole: true, receipts: receipts.length, head: last });
  else {
    const { paint, output } = invocation;
    output.line(
      `${harmless(where)}: ${counted(receipts.length, 'receipt')}, ${paint.green('none changed, none missing between them')}`,
    );
    if (last !== null) output.line(`  ${paint.dim('newest')}  ${nameOf(last)}`);
  }
  return 0;
}

const nameOf = (value: unknown): string =>
  value === null || value === undefined ? 'none' : harmless(String(value).slice(0, 200));

function broken(where: string, receipt: WrittenReceipt, expected: string, found: string): CutoverError {
  const deployment = receipt['deployment'];
  const which = typeof deployment === 'number' ? String(deployment) : 'unknown';
  return new CutoverError(
    'receipt-broken',
    `${where}, receipt of deployment ${which}: expected ${expected}, found ${found}`,
    {
      next: 'it was changed after it was written, or receipts before it are missing: compare it with another copy',
      detail: { deployment, expected, found },
    },
  );
}

import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/clocks/system.ts';
import { WebhookReceiver } from '../src/testing/webhook-receiver.ts';
import { createWebhookSender } from '../src/webhooks/sender.ts';

const page = readFileSync(join(import.meta.dir, '../docs/webhooks.md'), 'utf8');
const block = (language: string): string =>
  new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'm').exec(page)?.[1] ?? '';
const folder = mkdtempSync(join(tmpdir(), 'webhook page '));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the program prints about the message, with the secret. */
async function judged(argv: readonly string[], input: unknown): Promise<string> {
  const child = Bun.spawn([...argv], {
    stdin: Buffer.from(JSON.stringify(input)),
    stdout: 'pipe',
    stderr: 'inherit',
  });
  return (await child.stdout.text()).trim();
}

const node = join(folder, 'verify.mjs');
writeFileSync(
  node,
  `import { readFileSync } from 'node:fs';
${block('js')}
const { headers, body, secret } = JSON.parse(readFileSync(0, 'utf8'));
console.log(isGenuine(headers, body, secret));
`,
);
const python = join(folder, 'verify.py');
writeFileSync(
  python,
  `import json, sys
${block('python')}
found = json.load(sys.stdin)
print(str(is_genuine(found["headers"], found["body"].encode(), found["secret"])).lower())
`,
);

for (const [language, argv] of [
  ['Node', ['node', node]],
  ['Python', ['python3', python]],
] as const) {
  test(`the page's code in ${language} believes what was sent, and nothing else`, async () => {
    if (Bun.which(argv[0]) === null) throw new Error(`${argv[0]} is not installed`);
    const receiver = new WebhookReceiver();
    const secretFile = join(folder, `secret-${language}`);
    const secrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'words with ümlaut'];
    writeFileSync(secretFile, `${secrets.join('\n')}\n`);
    const sent = await createWebhookSender({ clock: systemClock }).send(
      { url: receiver.url, secretFile, headers: {} },
      { id: 'hook-1', body: '{"name":"Jürgen"}' },
      { timeoutMs: 5000, retries: 0, backoffMs: 1 },
    );
    expect(sent.ok).toBeTrue();
    await receiver.close();
    const [got] = receiver.received;
    const headers = Object.fromEntries(got?.headers ?? []);
    const body = got?.body ?? '';
    for (const secret of secrets) expect(await judged(argv, { headers, body, secret })).toBe('true');
    const others = [
      { headers, body, secret: 'another' },
      { headers, body: body.replace('J', 'j'), secret: secrets[0] },
      { headers: { ...headers, 'webhook-id': 'hook-2' }, body, secret: secrets[0] },
      { headers: { ...headers, 'webhook-timestamp': '1614265330' }, body, secret: secrets[0] },
    ];
    for (const other of others) expect(await judged(argv, other)).toBe('false');
  }, 30_000);
}

import { expect, test } from 'bun:test';
import { join } from 'node:path';

test('a worker loads no schemas: they would take 8 MB of each', async () => {
  const { metafile } = await Bun.build({
    entrypoints: [join(import.meta.dirname, '../cli/processes/proxy-worker.ts')],
    target: 'bun',
    metafile: true,
  });
  const inputs = Object.keys(metafile?.inputs ?? {});
  expect(inputs.some((path) => path.endsWith('proxy/keeper/worker-process.ts'))).toBeTrue();
  expect(inputs.filter((path) => path.includes('node_modules'))).toEqual([]);
});

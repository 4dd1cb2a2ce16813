// Appends for ever and prints the version of each append once it is acknowledged; the test kills it.
import { openSqliteStore } from './store.ts';

const store = openSqliteStore(process.argv[2] ?? '');
for (let version = (await store.read('shop')).length; ; version++) {
  const records = await store.append('shop', version, Date.now(), [
    { type: 'step-done', deployment: 1, step: version, says: 'w'.repeat(500) },
  ]);
  process.stdout.write(`${records.at(-1)?.version}\n`);
}

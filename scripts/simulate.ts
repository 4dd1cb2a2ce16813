/**
 * Many schedules of the simulation of several proxies: `npm run simulate -- joint COUNT [FIRST]`. Prints what a schedule broke, with its seed, by which it is
 * repeated; ends with 1 then.
 */
import { JointWorld, rulesKinds } from '../src/testing/joint-world.ts';
import { Random } from '../src/testing/load/random.ts';

const [what, countText = '10000', firstText = '1'] = process.argv.slice(2);
const [count, first] = [Number(countText), Number(firstText)];
if (what !== 'joint' || !Number.isInteger(count) || !Number.isInteger(first)) {
  process.stderr.write('usage: npm run simulate -- joint COUNT [FIRST SEED]\n');
  process.exit(2);
}
const begun = performance.now();
let switches = 0;
let broken = 0;
for (let seed = first; seed < first + count; seed++) {
  const world = new JointWorld(new Random(seed), rulesKinds[seed % rulesKinds.length] ?? 'refuse');
  await world.run(40_000);
  switches += world.switches;
  if (world.violations.length > 0) {
    broken++;
    process.stdout.write(`seed ${seed}: ${world.violations.join('; ')}\n`);
  }
  if ((seed - first + 1) % 10_000 === 0)
    process.stdout.write(`${seed - first + 1} schedules, ${switches} switches, ${broken} broken\n`);
}
process.stdout.write(
  `${count} schedules from seed ${first}: ${switches} switches, ${broken} broken, ${Math.round((performance.now() - begun) / 1000)} s\n`,
);
process.exit(broken > 0 ? 1 : 0);

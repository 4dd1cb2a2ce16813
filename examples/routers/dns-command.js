// A provider for `router.dns.command`, whole: it keeps the records of a zone in a file. Put the calls of your own DNS service in the place of
// `load` and `save`; what it needs of the service is that nobody else changes a set between the two.
//
//   node dns-command.js FILE VERB    with JSON on standard input; see docs/routers/dns.md

import { mkdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';

const [file, verb] = process.argv.slice(2);
const input = JSON.parse(readFileSync(0, 'utf8'));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function load() {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return { serial: 1, sets: [] };
  }
}

function save(zone) {
  writeFileSync(`${file}.new`, JSON.stringify(zone));
  renameSync(`${file}.new`, file);
}

/** One at a time: a folder can be made only once. */
async function alone(act) {
  for (let tries = 0; ; tries++) {
    try {
      mkdirSync(`${file}.lock`);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST' || tries === 1000) throw error;
      await pause(5);
    }
  }
  try {
    return act();
  } finally {
    rmdirSync(`${file}.lock`);
  }
}

const is = (a) => (b) => a.name === b.name && a.type === b.type;
const found = ({ sets }, key) => sets.find(is(key)) ?? { ...key, ttlSeconds: 0, values: [] };
const values = (set) => JSON.stringify([...set.values].sort());

const verbs = {
  read({ keys }) {
    const zone = load();
    return { serial: zone.serial, sets: keys.map((key) => found(zone, key)) };
  },
  change({ where, put }) {
    const zone = load();
    const { sets } = zone;
    if (where.some((set) => values(set) !== values(found(zone, { name: set.name, type: set.type }))))
      return { changed: false };
    const rest = sets.filter((set) => !put.some(is(set)));
    save({ serial: zone.serial + 1, sets: [...rest, ...put.filter((set) => set.values.length > 0)] });
    return { changed: true };
  },
  served(asked) {
    return { servers: [{ server: file, ...verbs.read(asked) }] };
  },
};

try {
  console.log(JSON.stringify(await alone(() => verbs[verb](input))));
} catch (error) {
  console.error(error.message);
  process.exit(7);
}

// A worker of a queue: it takes a job only while it may, finishes the one that it has begun, and then says that it has stopped.
const { appendFileSync, readFileSync, renameSync, writeFileSync } = require('node:fs');

const {
  CUTOVER_ACTIVE_FILE: file,
  CUTOVER_ENVIRONMENT: side,
  CUTOVER_RELEASE: release,
  JOURNAL: journal,
} = process.env;
const jobMs = 20;
let said = '';

function mayWork() {
  const line = readFileSync(file, 'utf8').trim();
  if (line.startsWith('active ')) return true;
  if (line !== said) {
    // Whole or not at all: a half-written answer would be no answer.
    writeFileSync(`${file}.ack.new`, line);
    renameSync(`${file}.ack.new`, `${file}.ack`);
    said = line;
  }
  return false;
}

function next() {
  if (!mayWork()) return void setTimeout(next, 10);
  said = '';
  const begun = Date.now();
  setTimeout(() => {
    appendFileSync(journal, `${side} ${release} ${begun} ${Date.now()}\n`);
    next();
  }, jobMs);
}

next();

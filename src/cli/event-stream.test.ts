import { expect, test } from 'bun:test';
import { EventReader } from './event-stream.ts';

const stream =
  ': hello\n\nevent: record\ndata: {"version":1,"at":2,"event":{"type":"x"}}\n\nevent: other\ndata: {}\n\nevent: progress\ndata: {"service":"shop",\ndata: "deployment":1,"text":"ß"}\n\n';

test('events are the same however the stream is cut', () => {
  const whole = new EventReader().read(stream);
  expect(whole.map(({ event }) => event)).toEqual(['record', 'progress']);
  for (let size = 1; size < stream.length; size++) {
    const reader = new EventReader();
    const found = [];
    for (let at = 0; at < stream.length; at += size) found.push(...reader.read(stream.slice(at, at + size)));
    expect(found).toEqual(whole);
  }
});

test('an event that is not of the API is an error', () => {
  expect(() => new EventReader().read('event: record\ndata: nonsense\n\n')).toThrow();
  expect(() => new EventReader().read('event: record\ndata: 1\n\n')).toThrow('not an object');
});

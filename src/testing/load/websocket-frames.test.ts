import { expect, test } from 'bun:test';
import { Malformed } from './malformed.ts';
import { clientFrame, FrameReader, opcodes } from './websocket-frames.ts';

/** What a server would send: the client's frame without its mask. */
const serverFrame = (opcode: number, payload: Buffer, final = true): Buffer => {
  const frame = clientFrame(opcode, payload, 0, final);
  const at = payload.length < 126 ? 2 : payload.length < 65536 ? 4 : 10;
  frame[1] = (frame[1] ?? 0) & 0x7f;
  return Buffer.concat([frame.subarray(0, at), payload]);
};

test('the masked frame of RFC 6455 §5.7 comes out to the byte', () => {
  const hello = Buffer.from([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
  expect(clientFrame(opcodes.text, Buffer.from('Hello'), 0x37fa213d)).toEqual(hello);
});

test.each([0, 1, 125, 126, 65535, 65536, 70_000])(
  'a message of %i bytes is read, whole and byte by byte at its head',
  (length) => {
    const payload = Buffer.alloc(length, 7);
    const frame = serverFrame(opcodes.binary, payload);
    const expected = [{ opcode: opcodes.binary, payload }];
    expect(new FrameReader().push(frame)).toEqual(expected);
    const reader = new FrameReader();
    for (let i = 0; i < Math.min(12, frame.length - 1); i++)
      expect(reader.push(frame.subarray(i, i + 1))).toEqual([]);
    expect(reader.push(frame.subarray(Math.min(12, frame.length - 1)))).toEqual(expected);
  },
);

test('fragments become one message, with a control frame between them', () => {
  const bytes = Buffer.concat([
    serverFrame(opcodes.text, Buffer.from('he'), false),
    serverFrame(opcodes.pong, Buffer.from('!')),
    serverFrame(opcodes.continuation, Buffer.from('llo')),
  ]);
  expect(new FrameReader().push(bytes).map(({ opcode, payload }) => [opcode, payload.toString()])).toEqual([
    [opcodes.pong, '!'],
    [opcodes.text, 'hello'],
  ]);
});

test.each([
  ['a masked frame', clientFrame(opcodes.text, Buffer.from('a'), 1)],
  ['a reserved bit', Buffer.from([0xc1, 0])],
  ['an unknown opcode', Buffer.from([0x83, 0])],
  ['a ping in parts', Buffer.from([0x09, 0])],
  ['a continuation of nothing', Buffer.from([0x80, 0])],
  ['a message inside another', Buffer.from([0x01, 0, 0x01, 0])],
  ['a message of 4 GB', Buffer.from([0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0])],
])('malformed: %s', (_name, bytes) => {
  expect(() => new FrameReader().push(bytes)).toThrow(Malformed);
});

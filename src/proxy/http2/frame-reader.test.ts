import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  ErrorCode,
  Flag,
  frame,
  FrameType,
  goAwayFrame,
  headersFrames,
  pingAck,
  resetFrame,
  settingsAck,
  settingsFrame,
  windowUpdateFrame,
} from './frame.ts';
import { FrameError, type FrameHearer, FrameReader, frameLimits } from './frame-reader.ts';

/** Writes down what is heard. */
class Notes implements FrameHearer {
  readonly lines: string[] = [];
  onData(stream: number, bytes: Uint8Array, from: number, to: number, flow: number, ends: boolean): void {
    this.lines.push(`data ${stream} ${Buffer.from(bytes.subarray(from, to)).toString()} ${flow} ${ends}`);
  }
  onHeaders(stream: number, block: Uint8Array, ends: boolean): void {
    this.lines.push(`headers ${stream} ${Buffer.from(block).toString('hex')} ${ends}`);
  }
  onPriority(stream: number): void {
    this.lines.push(`priority ${stream}`);
  }
  onReset(stream: number, code: number): void {
    this.lines.push(`reset ${stream} ${code}`);
  }
  onSettings(settings: readonly (readonly [number, number])[]): void {
    this.lines.push(`settings ${settings.join(' ')}`);
  }
  onSettingsAck(): void {
    this.lines.push('settings ack');
  }
  onPing(opaque: Uint8Array): void {
    this.lines.push(`ping ${Buffer.from(opaque).toString()}`);
  }
  onGoAway(lastStream: number, code: number): void {
    this.lines.push(`goaway ${lastStream} ${code}`);
  }
  onWindowUpdate(stream: number, increment: number): void {
    this.lines.push(`window ${stream} ${increment}`);
  }
  onStreamError(error: FrameError): void {
    this.lines.push(`stream error ${error.stream} ${error.code}`);
  }
}

/** What is heard of these bytes, with the error that ends the connection, if one does. */
function heard(chunks: readonly Uint8Array[]): string[] {
  const notes = new Notes();
  const reader = new FrameReader(notes);
  try {
    for (const chunk of chunks) reader.feed(chunk);
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    notes.lines.push(`connection error ${error.code}`);
  }
  return notes.lines;
}
const bytes = (...octets: readonly number[]): Uint8Array => Uint8Array.from(octets);
const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));
const {
  data,
  headers,
  priority,
  resetStream,
  settings,
  pushPromise,
  ping,
  goAway,
  windowUpdate,
  continuation,
} = FrameType;
const connectionError = (code: number): string => `connection error ${code}`;

describe('a frame', () => {
  test.each([
    ['DATA', frame(data, Flag.endStream, 1, text('hi')), 'data 1 hi 2 true'],
    ['DATA with padding', frame(data, Flag.padded, 1, text('\x02hi..')), 'data 1 hi 5 false'],
    ['DATA of padding alone', frame(data, Flag.padded, 1, text('\x02..')), 'data 1  3 false'],
    ['HEADERS', frame(headers, Flag.endHeaders, 3, bytes(0x82)), 'headers 3 82 false'],
    [
      'HEADERS with padding and priority',
      frame(
        headers,
        Flag.endHeaders | Flag.padded | Flag.priority | Flag.endStream,
        3,
        bytes(1, 0, 0, 0, 0, 9, 0x82, 0),
      ),
      'headers 3 82 true',
    ],
    ['PRIORITY', frame(priority, 0, 3, bytes(0, 0, 0, 1, 9)), 'priority 3'],
    ['RST_STREAM', resetFrame(5, ErrorCode.cancel), 'reset 5 8'],
    [
      'SETTINGS',
      settingsFrame([
        [3, 100],
        [0x99, 1],
      ]),
      'settings 3,100 153,1',
    ],
    ['SETTINGS, empty', settingsFrame([]), 'settings '],
    ['SETTINGS, acknowledged', settingsAck(), 'settings ack'],
    ['PING', frame(ping, 0, 0, text('12345678')), 'ping 12345678'],
    ['GOAWAY', goAwayFrame(7, ErrorCode.none), 'goaway 7 0'],
    ['WINDOW_UPDATE', windowUpdateFrame(0, 10), 'window 0 10'],
    ['WINDOW_UPDATE with the reserved bit', frame(windowUpdate, 0, 1, bytes(0x80, 0, 0, 1)), 'window 1 1'],
  ])('%s is heard', (_name, sent, line) => {
    expect(heard([sent])).toEqual([line]);
  });
  test.each([
    ['of a kind that is not known', frame(FrameType.data, 0, 1).with(3, 0x16)],
    ['PING, acknowledged', pingAck(text('12345678'))],
  ])('%s is ignored', (_name, sent) => {
    expect(heard([sent, settingsAck()])).toEqual(['settings ack']);
  });
  test.each([
    ['DATA of stream 0', frame(data, 0, 0), ErrorCode.protocol],
    ['DATA with padding as long as the frame', frame(data, Flag.padded, 1, bytes(2, 0)), ErrorCode.protocol],
    ['DATA with padding but no length', frame(data, Flag.padded, 1), ErrorCode.frameSize],
    ['DATA beyond 16,384 bytes', frame(data, 0, 1, new Uint8Array(16_385)), ErrorCode.frameSize],
    ['HEADERS of stream 0', frame(headers, Flag.endHeaders, 0, bytes(0x82)), ErrorCode.protocol],
    ['HEADERS with padding beyond it', frame(headers, 12, 1, bytes(9, 0x82)), ErrorCode.protocol],
    ['HEADERS without room for a priority', frame(headers, 36, 1, bytes(0)), ErrorCode.frameSize],
    [
      'HEADERS of a stream that depends on itself',
      frame(headers, 36, 1, bytes(0, 0, 0, 1, 0)),
      ErrorCode.protocol,
    ],
    ['PRIORITY of stream 0', frame(priority, 0, 0, bytes(0, 0, 0, 1, 9)), ErrorCode.protocol],
    ['RST_STREAM of stream 0', resetFrame(0, ErrorCode.cancel), ErrorCode.protocol],
    ['RST_STREAM of 3 bytes', frame(resetStream, 0, 1, bytes(0, 0, 0)), ErrorCode.frameSize],
    ['SETTINGS of a stream', frame(settings, 0, 1), ErrorCode.protocol],
    ['SETTINGS of 5 bytes', frame(settings, 0, 0, new Uint8Array(5)), ErrorCode.frameSize],
    [
      'SETTINGS acknowledged with content',
      frame(settings, Flag.ack, 0, new Uint8Array(6)),
      ErrorCode.frameSize,
    ],
    ['ENABLE_PUSH of 2', settingsFrame([[2, 2]]), ErrorCode.protocol],
    ['INITIAL_WINDOW_SIZE beyond 2^31-1', settingsFrame([[4, 2 ** 31]]), ErrorCode.flowControl],
    ['MAX_FRAME_SIZE of 16,383', settingsFrame([[5, 16_383]]), ErrorCode.protocol],
    ['MAX_FRAME_SIZE of 2^24', settingsFrame([[5, 2 ** 24]]), ErrorCode.protocol],
    ['PUSH_PROMISE', frame(pushPromise, Flag.endHeaders, 1, bytes(0, 0, 0, 2)), ErrorCode.protocol],
    ['PING of a stream', frame(ping, 0, 1, new Uint8Array(8)), ErrorCode.protocol],
    ['PING of 7 bytes', frame(ping, 0, 0, new Uint8Array(7)), ErrorCode.frameSize],
    ['GOAWAY of a stream', frame(goAway, 0, 1, new Uint8Array(8)), ErrorCode.protocol],
    ['GOAWAY of 7 bytes', frame(goAway, 0, 0, new Uint8Array(7)), ErrorCode.frameSize],
    ['WINDOW_UPDATE of 3 bytes', frame(windowUpdate, 0, 1, new Uint8Array(3)), ErrorCode.frameSize],
    ['WINDOW_UPDATE of nothing for the connection', windowUpdateFrame(0, 0), ErrorCode.protocol],
    [
      'CONTINUATION without HEADERS',
      frame(continuation, Flag.endHeaders, 1, bytes(0x82)),
      ErrorCode.protocol,
    ],
  ])('%s ends the connection', (_name, sent, code) => {
    expect(heard([sent])).toEqual([connectionError(code)]);
  });
  test.each([
    ['PRIORITY of 4 bytes', frame(priority, 0, 3, new Uint8Array(4)), ErrorCode.frameSize],
    ['PRIORITY of a stream on itself', frame(priority, 0, 3, bytes(0, 0, 0, 3, 0)), ErrorCode.protocol],
    ['WINDOW_UPDATE of nothing', windowUpdateFrame(3, 0), ErrorCode.protocol],
  ])('%s ends its stream alone', (_name, sent, code) => {
    expect(heard([sent, settingsAck()])).toEqual([`stream error 3 ${code}`, 'settings ack']);
  });
});

describe('a header block', () => {
  const open = frame(headers, Flag.endStream, 1, bytes(0x82));
  test('in several frames is one', () => {
    const block = Uint8Array.from({ length: 40_000 }, (_, index) => index & 0xff);
    const frames = headersFrames(1, block, true);
    expect(frames).toHaveLength(3);
    expect(heard(frames)).toEqual([`headers 1 ${Buffer.from(block).toString('hex')} true`]);
  });
  test.each([
    ['DATA', frame(data, 0, 1)],
    ['PING', frame(ping, 0, 0, new Uint8Array(8))],
    ['a frame that is not known', frame(data, 0, 1).with(3, 0x16)],
    ['CONTINUATION of another stream', frame(continuation, Flag.endHeaders, 3)],
    ['another HEADERS', open],
  ])('that is interrupted by %s ends the connection', (_name, sent) => {
    expect(heard([open, sent])).toEqual([connectionError(ErrorCode.protocol)]);
  });
  test('in endless frames, even empty ones, ends the connection', () => {
    const more = Array.from({ length: frameLimits.continuations + 1 }, () => frame(continuation, 0, 1));
    expect(heard([open, ...more])).toEqual([connectionError(ErrorCode.enhanceYourCalm)]);
    const large = Array.from({ length: 4 }, () => frame(continuation, 0, 1, new Uint8Array(16_384)));
    expect(heard([open, ...large])).toEqual([connectionError(ErrorCode.enhanceYourCalm)]);
  });
});

test('any split of the bytes is heard as the whole', () => {
  const frames = fc.constantFrom(
    frame(data, Flag.padded, 1, text('\x02hi..')),
    ...headersFrames(3, new Uint8Array(50).fill(0x82), false, 30),
    settingsFrame([[3, 100]]),
    resetFrame(5, ErrorCode.cancel),
    windowUpdateFrame(3, 0),
    frame(ping, 0, 0, text('12345678')),
    frame(ping, 0, 0, text('1')),
  );
  fc.assert(
    fc.property(fc.array(frames, { maxLength: 8 }), fc.array(fc.nat(200)), (sent, cuts) => {
      const whole = new Uint8Array(Buffer.concat(sent));
      const at = [...cuts.filter((cut) => cut <= whole.length).sort((a, b) => a - b), whole.length];
      const parts = at.map((end, index) => whole.slice(at[index - 1] ?? 0, end));
      expect(heard(parts)).toEqual(heard([whole]));
    }),
  );
});

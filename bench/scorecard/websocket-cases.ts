import { constants, deflateRawSync } from 'node:zlib';
import { Random } from '../../src/testing/load/random.ts';

/** One conversation of a client with an echoing server: what it asks for, and the bytes that it then sends. */
export interface WebSocketCase {
  /** By the sections of Autobahn's test suite, whose matters these are. */
  readonly name: string;
  /** Lines of the handshake beside the usual ones, or in their place if they have the same name. */
  readonly fields: readonly string[];
  readonly sent: readonly Buffer[];
}

interface Frame {
  readonly opcode: number;
  readonly payload?: Buffer | string;
  readonly final?: boolean;
  readonly reserved?: number;
  readonly masked?: boolean;
  /** Bytes of the length: 0 for as few as can be. */
  readonly lengthBytes?: 0 | 2 | 8;
  /** What the frame says of its length, if that is not true. */
  readonly length?: bigint;
}

const mask = Buffer.from([0x12, 0xab, 0x34, 0xcd]);

function frame({
  opcode,
  payload = '',
  final = true,
  reserved = 0,
  masked = true,
  lengthBytes,
  length,
}: Frame): Buffer {
  const body = Buffer.from(payload);
  const said = length ?? BigInt(body.length);
  const wide = lengthBytes ?? (said < 126n ? 0 : said < 65_536n ? 2 : 8);
  const head = Buffer.alloc(2 + wide);
  head[0] = (final ? 0x80 : 0) | (reserved << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | (wide === 0 ? Number(said) : wide === 2 ? 126 : 127);
  if (wide === 2) head.writeUInt16BE(Number(said), 2);
  if (wide === 8) head.writeBigUInt64BE(said, 2);
  if (!masked) return Buffer.concat([head, body]);
  for (let i = 0; i < body.length; i++) body[i] = body[i]! ^ mask[i & 3]!;
  return Buffer.concat([head, mask, body]);
}

const text = (payload: Buffer | string, more: Partial<Frame> = {}): Buffer =>
  frame({ opcode: 1, payload, ...more });
const binary = (payload: Buffer | string, more: Partial<Frame> = {}): Buffer =>
  frame({ opcode: 2, payload, ...more });
const more = (payload: Buffer | string, final: boolean): Buffer => frame({ opcode: 0, payload, final });
const ping = (payload: Buffer | string = ''): Buffer => frame({ opcode: 9, payload });
const pong = (payload: Buffer | string = ''): Buffer => frame({ opcode: 10, payload });
const close = (code: number | null = 1000, reason: Buffer | string = ''): Buffer => {
  const said = Buffer.alloc(code === null ? 0 : 2);
  if (code !== null) said.writeUInt16BE(code);
  return frame({ opcode: 8, payload: Buffer.concat([said, Buffer.from(reason)]) });
};

/** The same bytes in pieces of this size. */
function chopped(parts: readonly Buffer[], bytes: number): Buffer[] {
  const all = Buffer.concat([...parts]);
  const pieces: Buffer[] = [];
  for (let at = 0; at < all.length; at += bytes) pieces.push(all.subarray(at, at + bytes));
  return pieces;
}

const hex = (...all: string[]): Buffer[] => all.map((each) => Buffer.from(each.replaceAll(' ', ''), 'hex'));
const wrongUtf8 = hex(
  '80',
  'bf',
  '80bf',
  'c0',
  'c080',
  'c1bf',
  'e08080',
  'e09fbf',
  'eda080',
  'edbfbf',
  'f0808080',
  'f08fbfbf',
  'f4908080',
  'f8888080 80',
  'fe',
  'ff',
  'fffe',
  'cebae1bdb9cf83cebcceb5eda080656469746564',
  'c3',
  'e282',
  'f09f92',
);
const rightUtf8 = [
  '',
  'Hello-µ@ßöäüàá-UTF-8!!',
  'κόσμε',
  '\u0000',
  '\ud7ff\ue000\ufffd',
  '\u{10ffff}',
  '💩'.repeat(30),
];

/** All of them; the same on each call. */
export function webSocketCases(): WebSocketCase[] {
  const cases: WebSocketCase[] = [];
  const add = (name: string, sent: readonly Buffer[], fields: readonly string[] = []): void => {
    cases.push({ name, sent, fields });
  };
  const random = new Random(6455);
  const sizes = [0, 1, 125, 126, 127, 128, 65_535, 65_536];
  for (const size of sizes) {
    const letters = '*'.repeat(size);
    const octets = random.bytes(size);
    add(`1.1 text of ${size}`, [text(letters), close()]);
    add(`1.1 text of ${size} in pieces of 997`, chopped([text(letters), close()], 997));
    add(`1.2 binary of ${size}`, [binary(octets), close()]);
    add(`1.2 binary of ${size} in pieces of 1`, chopped([binary(octets.subarray(0, 2000)), close()], 1));
  }
  for (const size of [0, 5, 125, 126]) add(`2 ping of ${size}`, [ping(random.bytes(size)), close()]);
  add('2 ping, octet by octet', chopped([ping('hello'), close()], 1));
  add('2 pong unasked', [pong('hello'), close()]);
  add('2 pong unasked, then ping', [pong('a'), ping('b'), close()]);
  add('2 ten pings', [...Array.from({ length: 10 }, (_, n) => ping(`ping ${n}`)), close()]);
  add(
    '2 ten pings, octet by octet',
    chopped([...Array.from({ length: 10 }, (_, n) => ping(`ping ${n}`)), close()], 1),
  );
  for (let reserved = 1; reserved < 8; reserved++)
    for (const [name, opcode] of [
      ['text', 1],
      ['binary', 2],
      ['ping', 9],
      ['close', 8],
    ] as const)
      add(`3 reserved bits ${reserved} in ${name}`, [
        text('before'),
        frame({ opcode, reserved, payload: '' }),
        ping(),
        close(),
      ]);
  for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
    add(`4 opcode ${opcode}`, [text('before'), frame({ opcode }), ping(), close()]);
    add(
      `4 opcode ${opcode} with a payload, octet by octet`,
      chopped([text('before'), frame({ opcode, payload: 'x' }), close()], 1),
    );
  }
  const fragments: [string, Buffer[]][] = [
    ['in two', [text('frag', { final: false }), more('ment', true)]],
    ['in two, the second empty', [text('frag', { final: false }), more('', true)]],
    ['in three empty ones', [text('', { final: false }), more('', false), more('', true)]],
    ['with a ping between', [text('frag', { final: false }), ping('p'), more('ment', true)]],
    [
      'with pings between',
      [text('a', { final: false }), ping('1'), more('b', false), ping('2'), more('c', true)],
    ],
    ['with a ping in fragments', [frame({ opcode: 9, payload: 'a', final: false }), more('b', true)]],
    ['with a pong in fragments', [frame({ opcode: 10, payload: 'a', final: false }), more('b', true)]],
    ['that goes on with nothing begun', [more('x', true), text('after')]],
    ['that goes on with nothing begun, not at its end', [more('x', false), text('after')]],
    ['with another begun within', [text('a', { final: false }), text('b'), more('c', true)]],
    ['that never ends', [text('a', { final: false })]],
    ['of binary, goes on', [binary('a', { final: false }), more('b', false), more('c', true)]],
    [
      'in 1000 parts',
      [text('.', { final: false }), ...Array.from({ length: 998 }, () => more('.', false)), more('!', true)],
    ],
  ];
  for (const [name, sent] of fragments) {
    add(`5 fragments: ${name}`, [...sent, close()]);
    add(`5 fragments: ${name}, octet by octet`, chopped([...sent.slice(0, 40), close()], 1));
  }
  for (const right of rightUtf8) {
    const octets = Buffer.from(right);
    add(`6 text ${JSON.stringify(right.slice(0, 20))}`, [text(octets), close()]);
    for (let at = 1; at < Math.min(octets.length, 8); at++)
      add(`6 text ${JSON.stringify(right.slice(0, 20))} in fragments at ${at}`, [
        text(octets.subarray(0, at), { final: false }),
        more(octets.subarray(at), true),
        close(),
      ]);
  }
  for (const wrong of wrongUtf8) {
    add(`6 no UTF-8: ${wrong.toString('hex')}`, [text(wrong), close()]);
    add(`6 no UTF-8 in fragments: ${wrong.toString('hex')}`, [
      ...[...wrong].map((octet, n) =>
        n === 0 ? text(Buffer.of(octet), { final: false }) : more(Buffer.of(octet), false),
      ),
      more('', true),
      close(),
    ]);
    add(`6 no UTF-8 in a reason: ${wrong.toString('hex')}`, [close(1000, wrong)]);
  }
  for (const code of [
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
  ])
    add(`7 close with ${code}`, [close(code, 'why')]);
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
    add(`7 close with ${code}, which nobody may`, [close(code)]);
  add('7 close without a code', [close(null)]);
  add('7 close with half a code', [frame({ opcode: 8, payload: 'x' })]);
  add('7 close with the longest reason', [close(1000, 'r'.repeat(123))]);
  add('7 close with a reason too long', [close(1000, 'r'.repeat(124))]);
  add('7 close in fragments', [frame({ opcode: 8, payload: '\x03\xe8', final: false }), more('x', true)]);
  for (const [name, after] of [
    ['text', text('late')],
    ['ping', ping()],
    ['close', close()],
  ] as const)
    add(`7 ${name} after close`, [close(), after]);
  add('7 close in the middle of a message', [text('a', { final: false }), close()]);
  add('7 messages, then close', [text('1'), text('2'), text('3'), close()]);
  add('8 a frame without a mask', [text('plain', { masked: false }), close()]);
  for (const lengthBytes of [2, 8] as const)
    add(`8 a length in ${lengthBytes} bytes that needs none`, [text('wide', { lengthBytes }), close()]);
  add('8 a length of 2 to the 63', [text('x', { lengthBytes: 8, length: 1n << 63n }), close()]);
  add('8 a length beyond what the server takes', [text('x', { lengthBytes: 8, length: 1n << 30n }), close()]);
  for (const size of [65_536, 262_144, 1_048_576, 4_194_304, 16_777_216]) {
    const octets = random.bytes(size);
    add(`9 binary of ${size}`, [binary(octets), close()]);
    add(`9 text of ${size}`, [text(Buffer.alloc(size, 'x')), close()]);
    if (size > 4_194_304) continue;
    add(`9 binary of ${size} in pieces of 1460`, chopped([binary(octets), close()], 1460));
    const parts = chopped([octets], 4096);
    add(`9 binary of ${size} in fragments of 4096`, [
      ...parts.map((part, n) =>
        n === 0 ? binary(part, { final: false }) : more(part, n === parts.length - 1),
      ),
      close(),
    ]);
  }
  add('9 a thousand messages at once', [
    ...Array.from({ length: 1000 }, (_, n) => text(`message ${n}`)),
    close(),
  ]);
  for (const [name, fields] of [
    ['', ['Sec-WebSocket-Extensions: permessage-deflate']],
    [
      ' without memory',
      [
        'Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover',
      ],
    ],
    [' in a small window', ['Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9']],
  ] as const)
    for (const size of [0, 16, 1024, 131_072]) {
      const letters = Buffer.from('cutover '.repeat(Math.ceil(size / 8)).slice(0, size));
      const small = deflateRawSync(letters, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
      const sent = [text(small, { reserved: 4 }), text('plain'), binary(small, { reserved: 4 })];
      add(`12 compressed${name}, ${size}`, [...sent, close()], fields);
      add(
        `12 compressed${name}, ${size}, in pieces of 7`,
        chopped([...sent.map((each) => each.subarray(0, 4000)), close()], 7),
        fields,
      );
    }
  add(
    '12 compressed, and no deflate at all',
    [text('rubbish', { reserved: 4 }), close()],
    ['Sec-WebSocket-Extensions: permessage-deflate'],
  );
  add(
    '12 compressed in fragments',
    [text('a', { reserved: 4, final: false }), more('b', true), close()],
    ['Sec-WebSocket-Extensions: permessage-deflate'],
  );
  for (const [name, fields] of [
    ['a protocol that is spoken', ['Sec-WebSocket-Protocol: coffee, tea']],
    ['a protocol that is not', ['Sec-WebSocket-Protocol: coffee']],
    ['an extension that nobody knows', ['Sec-WebSocket-Extensions: brew; strong']],
    ['an extension malformed', ['Sec-WebSocket-Extensions: brew;;']],
    ['an old version', ['Sec-WebSocket-Version: 8']],
    ['no version', ['Sec-WebSocket-Version:']],
    ['a key too short', ['Sec-WebSocket-Key: c2hvcnQ=']],
    ['another upgrade', ['Upgrade: tea']],
    ['an upgrade in capitals', ['Upgrade: WebSocket']],
    ['Connection with more', ['Connection: keep-alive, Upgrade']],
    ['an origin', ['Origin: http://shop.example']],
  ] as const)
    add(`13 handshake with ${name}`, [text('hello'), close()], fields);
  return cases;
}

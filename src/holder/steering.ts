import { firstSource, nobody } from './slots.ts';

/** One instruction of the classic packet filter: code, jump if true, jump if false, operand (linux/filter.h). */
export type Instruction = readonly [code: number, jt: number, jf: number, k: number];

const bpf = {
  loadByte: 0x30, // BPF_LD | BPF_B | BPF_ABS
  loadWord: 0x20, // BPF_LD | BPF_W | BPF_ABS
  and: 0x54, // BPF_ALU | BPF_AND | BPF_K
  subtract: 0x14, // BPF_ALU | BPF_SUB | BPF_K
  ifEqual: 0x15, // BPF_JMP | BPF_JEQ | BPF_K
  ifAtLeast: 0x35, // BPF_JMP | BPF_JGE | BPF_K
  giveNumber: 0x06, // BPF_RET | BPF_K
  giveLoaded: 0x16, // BPF_RET | BPF_A
} as const;

/** Where the header of IP begins (SKF_NET_OFF). */
const network = -0x10_0000;
/** A random number (SKF_AD_OFF + SKF_AD_RANDOM). */
const random = -0x1000 + 56;
const ipv4 = 0x40;
const sourceField = 12;

/**
 * The program that says which socket of a group gets a new connection (SO_ATTACH_REUSEPORT_CBPF, socket(7)): one whose source names a slot gets
 * there; all others are spread evenly over `live`, or get to nobody's.
 *
 * @param count how many sockets the group has
 */
export function steering(live: readonly number[], count: number): Instruction[] {
  return [
    [bpf.loadByte, 0, 0, network],
    [bpf.and, 0, 0, 0xf0],
    [bpf.ifEqual, 0, 5, ipv4],
    [bpf.loadWord, 0, 0, network + sourceField],
    [bpf.subtract, 0, 0, firstSource],
    [bpf.ifAtLeast, 2, 0, count],
    [bpf.ifEqual, 1, 0, nobody],
    [bpf.giveLoaded, 0, 0, 0],
    ...spread(live),
  ];
}

function spread(live: readonly number[]): Instruction[] {
  const [only = nobody, ...others] = live;
  if (others.length === 0) return [[bpf.giveNumber, 0, 0, only]];
  const last = live.length - 1;
  return [
    [bpf.loadWord, 0, 0, random],
    ...live.flatMap((slot, index): Instruction[] =>
      index === last
        ? [[bpf.giveNumber, 0, 0, slot]]
        : [
            [bpf.ifAtLeast, 1, 0, Math.floor((2 ** 32 * (index + 1)) / live.length)],
            [bpf.giveNumber, 0, 0, slot],
          ],
    ),
  ];
}

/** Lets no packet through: who knocks is neither heard nor sent away, and knocks again. */
export const silence: readonly Instruction[] = [[bpf.giveNumber, 0, 0, 0]];

/** The program as the kernel reads it: `struct sock_filter` for each instruction. */
export function encoded(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(8 * program.length);
  const view = new DataView(bytes.buffer);
  program.forEach(([code, jt, jf, k], index) => {
    view.setUint16(8 * index, code, true);
    view.setUint8(8 * index + 2, jt);
    view.setUint8(8 * index + 3, jf);
    view.setUint32(8 * index + 4, k >>> 0, true);
  });
  return bytes;
}

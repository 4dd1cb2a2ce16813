/**
 * What can be ended on purpose, because its side is to be free and it would not end by itself: WebSockets; other tunnels after an upgrade;
 * responses that had begun; requests that had no response yet; connections of a service that is switched as TCP.
 */
export const cutKinds = ['websockets', 'tunnels', 'streams', 'requests', 'connections'] as const;
export type CutKind = (typeof cutKinds)[number];

/** How many of each were ended so. */
export type Cut = Record<CutKind, number>;

export const noneCut = (): Cut => ({ websockets: 0, tunnels: 0, streams: 0, requests: 0, connections: 0 });

export const combineCut = (a: Cut, b: Cut, sign: 1 | -1): Cut => ({
  websockets: a.websockets + sign * b.websockets,
  tunnels: a.tunnels + sign * b.tunnels,
  streams: a.streams + sign * b.streams,
  requests: a.requests + sign * b.requests,
  connections: a.connections + sign * b.connections,
});

export const cutInAll = (cut: Cut): number => cutKinds.reduce((sum, kind) => sum + cut[kind], 0);

/** `200 websockets, 1 stream`; empty if none. */
export const describeCut = (cut: Cut): string =>
  cutKinds
    .filter((kind) => cut[kind] > 0)
    .map((kind) => `${cut[kind]} ${cut[kind] === 1 ? kind.slice(0, -1) : kind}`)
    .join(', ');

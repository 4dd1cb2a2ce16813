import { kinds, type Kind } from './profile.ts';

/** Shares of the connections, in any unit. An absent kind has none. */
export type Mix = Partial<Record<Kind, number>>;

export const defaultMix: Mix = {
  'keep-alive': 50,
  close: 12,
  upload: 8,
  order: 10,
  stream: 6,
  slow: 4,
  download: 2,
  websocket: 8,
};

/**
 * A kind for each connection, in proportion to the shares (largest remainder). While there are enough connections, each kind
 * that has a share gets at least one.
 */
export function allot(connections: number, mix: Mix): Kind[] {
  const wanted = kinds.flatMap((kind) => {
    const share = mix[kind] ?? 0;
    return share > 0 ? [{ kind, share }] : [];
  });
  const total = wanted.reduce((sum, { share }) => sum + share, 0);
  const least = connections >= wanted.length ? 1 : 0;
  const seats = wanted.map(({ kind, share }) => {
    const exact = (share / total) * connections;
    return { kind, exact, count: Math.max(least, Math.floor(exact)) };
  });
  for (
    let left = connections - seats.reduce((sum, seat) => sum + seat.count, 0);
    left !== 0;
    left -= Math.sign(left)
  ) {
    const step = Math.sign(left);
    const open = step > 0 ? seats : seats.filter((seat) => seat.count > least);
    const next = open.reduce<(typeof seats)[number] | undefined>(
      (best, seat) =>
        best === undefined || (seat.exact - seat.count) * step > (best.exact - best.count) * step
          ? seat
          : best,
      undefined,
    );
    if (!next) break;
    next.count += step;
  }
  return seats.flatMap(({ kind, count }) => Array.from({ length: count }, () => kind));
}

/** Where one instance is: its own number among those of its layer, the host, and its number there. */
export interface Seat {
  readonly layer: string;
  readonly index: number;
  readonly host: string;
  readonly local: number;
}

/** Divides instances between hosts, in turns, so that no host has more than one more of a layer than another; layers begin where the one before ended. */
export function spread(
  layers: readonly { readonly layer: string; readonly instances: number }[],
  hosts: readonly string[],
): Seat[] {
  let turn = 0;
  return layers.flatMap(({ layer, instances }) => {
    const given = new Map<string, number>();
    return Array.from({ length: instances }, (_, index) => {
      const host = hosts[turn++ % hosts.length] ?? '';
      const local = given.get(host) ?? 0;
      given.set(host, local + 1);
      return { layer, index, host, local };
    });
  });
}

import { type Colour, colours } from './colour.ts';
import type { Weights } from './weights.ts';

/** The sides that have weight. */
export const weighted = (weights: Weights): Colour[] => colours.filter((colour) => weights[colour] > 0);

/**
 * Where the line of all whole numbers of 32 bits, from -2^31, is cut: what is below is blue's, the rest green's. When weights change,
 * only what lies between the two cuts changes sides.
 */
export const cutOf = ({ blue, green }: Weights): number =>
  Math.round((blue / (blue + green)) * 2 ** 32) - 2 ** 31;

/**
 * The place on that line of the request whose turn it is. Multiples of the golden ratio: however many requests have come, the part that
 * lies below a cut differs from its due by a few requests at most, and no rhythm of the requests falls in step with it.
 */
export const placeOfTurn = (turn: number): number => Math.imul(turn, 0x9e3779b9);

export const colourAt = (place: number, cut: number): Colour => (place < cut ? 'blue' : 'green');

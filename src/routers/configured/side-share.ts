import { type Colour } from '../../core/colour.ts';
import type { Route } from '../../core/traffic.ts';

/** Both sides get a part of the traffic. */
export const divided = ({ weights }: Route): boolean =>
  weights !== undefined && weights.blue > 0 && weights.green > 0;

/** The side that all of the traffic goes to, if it is not divided. */
export const soleSide = ({ live, weights }: Route): Colour =>
  weights === undefined ? live : weights.green > 0 ? 'green' : 'blue';

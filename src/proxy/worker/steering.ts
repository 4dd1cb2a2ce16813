import { cutOf, placeOfTurn, type Weights } from '../../core/weights.ts';
import type { Side } from './side.ts';

/** Which of the two sides gets a request, where that is not settled by who is live. */
export class Steering {
  private readonly cut: number;
  /** Each worker begins elsewhere, or all would send their first requests to the same side. */
  private turn = (Math.random() * 2 ** 32) | 0;

  constructor(
    weights: Weights,
    private readonly blue: Side,
    private readonly green: Side,
  ) {
    this.cut = cutOf(weights);
  }

  /** The side for the next request. */
  steer(): Side {
    this.turn = (this.turn + 1) | 0;
    return placeOfTurn(this.turn) < this.cut ? this.blue : this.green;
  }
}

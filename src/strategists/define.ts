import type { AuthoredStep, StrategyState } from '../core/strategies/authored.ts';

export type { AuthoredStep, StrategyState } from '../core/strategies/authored.ts';

/** A strategy: from what is known of the service and the release to the steps that take it live. Called once, when a plan is made. */
export type Strategy = (state: StrategyState) => readonly AuthoredStep[] | Promise<readonly AuthoredStep[]>;

/**
 * Gives a strategy of your own its types; at run time it returns what it is given.
 *
 *     import { defineStrategy } from 'cutover/strategy';
 *     export default defineStrategy(({ steps }) => steps);
 */
export const defineStrategy = (strategy: Strategy): Strategy => strategy;

import type { StrategyState } from '../core/strategies/authored.ts';

/**
 * Runs strategies of users' own: functions in files.
 *
 * Contract: the function runs apart from the controller, sees nothing of it but the state, and is ended within a time and with a size of
 * answer that are bounded. What it returns is handed on as it is: whoever asks parses it.
 */
export interface Strategist {
  /**
   * @param module the absolute path of the file whose default export is the function
   * @throws CutoverError `strategy-failed`
   */
  write(module: string, state: StrategyState): Promise<unknown>;
}

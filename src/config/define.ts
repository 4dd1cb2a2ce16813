import type { SpecInput } from '../core/spec.ts';

/** What a `cutover.config.ts` may export: a spec, or a function that makes one. */
export type Config = SpecInput | (() => SpecInput | Promise<SpecInput>);

/**
 * Gives a `cutover.config.ts` its types; at run time it returns what it is given.
 *
 *     import { defineConfig } from 'cutover/config';
 *     export default defineConfig({ service: 'shop', router: { listen: ':8080' }, … });
 */
export const defineConfig = <Given extends Config>(config: Given): Given => config;

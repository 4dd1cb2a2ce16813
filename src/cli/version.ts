import { version as packaged } from '../../package.json';

/** The version of this program; a controller says its own in `StatusView`. */
export const version: string = packaged;

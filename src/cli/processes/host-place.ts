/** Where on a host releases and records are, and who looks after them. */
export interface HostPlace {
  /** Absolute path of the home directory. */
  readonly home: string;
  readonly socket: string;
  readonly advertise: string;
  readonly identity: string;
  readonly program: string;
}

/** One line for each message, whatever is in it. */
export const say = (text: string): void => {
  process.stderr.write(`${new Date().toISOString()} host: ${text.replaceAll(/[\r\n]+/g, ' ⏎ ')}\n`);
};

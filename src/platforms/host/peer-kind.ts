import type { ErrorCode } from '../../core/errors.ts';

/** What a controller is enrolled at: words for people, and where it keeps what it is known by. */
export interface PeerKind {
  readonly noun: string;
  readonly program: string;
  /** Within the home of the controller. */
  readonly folder: string;
  readonly absent: ErrorCode;
  readonly refused: ErrorCode;
  /** What it is started with, so that it takes orders. */
  readonly run: string;
  readonly token: string;
  readonly enroll: string;
}

export const hostKind: PeerKind = {
  noun: 'host',
  program: 'agent',
  folder: 'hosts',
  absent: 'agent-absent',
  refused: 'agent-refused',
  run: 'cutover agent run --control',
  token: 'cutover agent token',
  enroll: 'cutover agent enroll',
};

/** A proxy on another machine, which is one of several. */
export const proxyKind: PeerKind = {
  noun: 'proxy',
  program: 'proxy',
  folder: 'proxies',
  absent: 'proxy-absent',
  refused: 'proxy-refused',
  run: 'cutover proxy join --control',
  token: 'cutover proxy token',
  enroll: 'cutover proxy enroll',
};

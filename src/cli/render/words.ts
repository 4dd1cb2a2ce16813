import { formatAddress } from '../../core/address-text.ts';
import type { Address } from '../../core/address.ts';
import { formatDuration } from '../../core/duration-text.ts';
import { harmless } from '../terminal/text.ts';

/** A whole number with its thousands apart. */
export const count = (n: number): string => String(Math.round(n)).replaceAll(/\B(?=(\d{3})+(?!\d))/g, ',');

/** `1 request`, `2 requests`. */
export const counted = (n: number, noun: string): string => `${count(n)} ${noun}${n === 1 ? '' : 's'}`;

export const duration = (ms: number | null | undefined): string =>
  ms === null || ms === undefined ? '–' : ms <= 0 ? '0ms' : formatDuration(ms);

const two = (n: number): string => String(n).padStart(2, '0');

/** A moment by the clock on the wall: `2026-03-01 14:05:09`. */
export function moment(at: number): string {
  const date = new Date(at);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `release 3 (v1.2.0)`. */
export const releaseName = (release: number, version: string): string =>
  `release ${release} (${harmless(version)})`;

/** What is where: `release 2 (v2) on green`. */
export const releaseOn = (release: number, version: string, colour: string): string =>
  `${releaseName(release, version)} on ${colour}`;

/** Where a browser finds the address `host:port`: every address is reached by this machine's own. */
export const link = (address: string): string =>
  `http://${address.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:')}`.replace(/:80$/, '');

export const place = (address: Address): string => formatAddress(address);

/** A part in per cent: `5 %`, `0.5 %`. */
export const share = (percent: number): string => `${Number(percent.toFixed(2))} %`;

import { resolve } from 'node:path';
import type { Figure } from '../core/analysis/frame.ts';
import { toleranceOf } from '../core/analysis/frame.ts';
import { filledIn, type Placeholders } from '../core/analysis/placeholders.ts';
import type { Colour } from '../core/colour.ts';
import { other } from '../core/colour.ts';
import { errorRecord } from '../core/errors.ts';
import { nameOf, type AnalysisRules, type Measure } from '../core/spec/analysis.ts';
import type { Answer, Question } from '../ports/gauge.ts';
import type { StepContext } from './step.ts';

/** The side that is watched, and what it is compared with. */
export interface Watched {
  readonly colour: Colour;
  readonly release: number;
  /** The side that it is compared with, which is the one that a failure goes back to; null: there is none. */
  readonly back: Colour | null;
  /** Both take traffic now; else the other one is known by what it did before the switch. */
  readonly sameMinutes: boolean;
}

/**
 * The sources of figures outside, each asked at its own pace and in the background: one that is slow holds up neither the others nor the
 * looks at what the proxy counts.
 */
export class Sources {
  readonly #heard = new Map<string, Figure>();
  readonly #asking = new Set<string>();
  readonly #askedAt = new Map<string, number>();
  readonly #over = new AbortController();

  constructor(
    private readonly context: StepContext,
    private readonly watched: Watched,
    private readonly rules: AnalysisRules,
  ) {}

  /** What was said since this was last called. */
  heard(): ReadonlyMap<string, Figure> {
    const heard = new Map(this.#heard);
    this.#heard.clear();
    return heard;
  }

  /** Asks those whose time has come and that are not being asked. */
  ask(): void {
    const now = this.context.clock.monotonic();
    for (const measure of this.rules.measures) {
      const name = nameOf(measure);
      const askedAt = this.#askedAt.get(name);
      if (measure.of !== undefined || this.#asking.has(name)) continue;
      if (askedAt !== undefined && now - askedAt < (measure.every ?? this.rules.every)) continue;
      this.#askedAt.set(name, now);
      this.#asking.add(name);
      void this.#ask(name, measure);
    }
  }

  /** Nothing is asked any more, and nobody is waited for. */
  end(): void {
    this.#over.abort(new Error('the watch is over'));
  }

  async #ask(name: string, measure: Measure): Promise<void> {
    const signal = AbortSignal.any([this.context.signal, this.#over.signal]);
    try {
      const figure = await this.#figure(measure, signal);
      if (!signal.aborted) this.#heard.set(name, figure);
    } catch (error) {
      if (!signal.aborted) this.#heard.set(name, { kind: 'away', why: errorRecord(error).message });
    } finally {
      this.#asking.delete(name);
    }
  }

  /** Both sides are asked for at the same time where they are compared. */
  async #figure(measure: Measure, signal: AbortSignal): Promise<Figure> {
    const { colour, back, sameMinutes } = this.watched;
    // What the other side said before it lost the traffic is not known, and what it says without any means nothing.
    const compares = toleranceOf(measure) !== null && back !== null && sameMinutes;
    const [fresh, against] = await Promise.all([
      this.#answer(measure, colour, signal),
      compares ? this.#answer(measure, other(colour), signal) : null,
    ]);
    if (fresh.kind !== 'number') return fresh;
    if (against === null) return { kind: 'number', fresh: fresh.value, against: null };
    if (against.kind === 'away') return against;
    return { kind: 'number', fresh: fresh.value, against: against.kind === 'number' ? against.value : null };
  }

  async #answer(measure: Measure, colour: Colour, signal: AbortSignal): Promise<Answer> {
    const { context } = this;
    const wants = measure.limit === undefined && toleranceOf(measure) === null ? 'verdict' : 'number';
    if (measure.command !== undefined) return this.#command(measure.command, colour, wants, signal);
    const service = context.service();
    const held = service.environments[colour].release;
    const { number, version, base } = context.release(held ?? this.watched.release);
    const places: Placeholders = { service: service.name, colour, release: String(number), version };
    const fileOf = (token: { readonly file: string } | undefined): string | null =>
      token === undefined ? null : resolve(base, token.file);
    const question = ((): Question | null => {
      if (measure.prometheus !== undefined) {
        const { url, query, token, timeout } = measure.prometheus;
        const filled = filledIn(query, places, 'promql');
        return { kind: 'prometheus', url, query: filled, tokenFile: fileOf(token), timeoutMs: timeout };
      }
      if (measure.http === undefined) return null;
      const { url, json, headers, token, timeout } = measure.http;
      return {
        kind: 'http',
        url: filledIn(url, places, 'url'),
        headers,
        json: json ?? null,
        tokenFile: fileOf(token),
        wants,
        timeoutMs: timeout,
      };
    })();
    if (question === null) throw new Error('a measure without a source');
    return context.gauge.ask(question, signal);
  }

  async #command(
    { run, timeout }: NonNullable<Measure['command']>,
    colour: Colour,
    wants: 'number' | 'verdict',
    signal: AbortSignal,
  ): Promise<Answer> {
    const { context } = this;
    const { back } = this.watched;
    const release = context.release(context.service().environments[colour].release ?? this.watched.release);
    const place = await placeOf(context, colour, release.number);
    const variables = {
      ...place.variables,
      CUTOVER_COLOUR: colour,
      ...(back === null ? {} : { CUTOVER_AGAINST: other(colour) }),
    };
    const result = await context.commands.run(run, { ...place, variables }, timeout, signal);
    const says = result.detail.slice(0, 400);
    if (wants === 'verdict') return { kind: 'verdict', ok: result.ok, detail: says };
    if (!result.ok) return { kind: 'away', why: says };
    const line = result.output?.findLast((text) => text.trim() !== '')?.trim() ?? '';
    const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(line) ? Number(line) : Number.NaN;
    if (Number.isFinite(value)) return { kind: 'number', value };
    const found = line === '' ? 'nothing' : JSON.stringify(line.slice(0, 100));
    return {
      kind: 'away',
      why: `${run[0] ?? ''}: expected a number in the last line that it prints, found ${found}`,
    };
  }
}

/** Where a command about a side runs: in the release that is there, with its variables. */
async function placeOf(
  context: StepContext,
  colour: Colour,
  number: number,
): Promise<{ directory: string; variables: Readonly<Record<string, string>> }> {
  const release = context.release(number);
  const { placement } = context.service().environments[colour];
  if (!placement) throw new Error(`${colour} has no addresses`);
  const { directory } = await context.platform.ship(context.service().name, release, context.signal);
  const variables = await context.platform.variables(context.environment(colour), release, placement);
  return { directory, variables };
}

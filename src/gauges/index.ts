import type { Gauge } from '../ports/gauge.ts';
import { askHttp } from './http-figure.ts';
import { askPrometheus } from './prometheus.ts';

/** The sources of figures that Cutover knows, each by its name in the spec. */
export const createGauge = (): Gauge => ({
  ask: (question, signal) =>
    question.kind === 'prometheus' ? askPrometheus(question, signal) : askHttp(question, signal),
});

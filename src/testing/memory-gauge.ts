import type { Answer, Gauge, Question } from '../ports/gauge.ts';

/** Keeps what is asked, and lets a test say what is answered. */
export class MemoryGauge implements Gauge {
  readonly asked: Question[] = [];
  answer: (question: Question) => Answer = () => ({ kind: 'number', value: 0 });

  ask(question: Question): Promise<Answer> {
    this.asked.push(question);
    return Promise.resolve(this.answer(question));
  }
}

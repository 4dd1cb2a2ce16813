import { variableOf } from './variable-part.ts';

/** A step into a JSON value: the name of a member; null: any element of a list, or any member of a map whose names are ids. */
export type Step = string | null;

/** One part of a rule: a step; `deep`: at any depth from there. */
interface RulePart {
  readonly step: Step;
  readonly deep: boolean;
}
export type PathRule = readonly RulePart[];

/** What `parsePathRule` reads, as one expression: for the schema of a spec. */
export const pathRulePattern =
  /^\$(?:\.\.?(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff-]*|\*)|\[(?:\*|\d{1,9}|'[^']*'|"[^"]*")\])*$/;

const part =
  /(\.\.?)([A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff-]*|\*)|\[(?:(\*|\d{1,9})|'([^']*)'|"([^"]*)")\]/y;

/**
 * Reads a rule for places in JSON: `$.requestId`, `$.items[*].price`, `$..updatedAt`, `$['odd name']`. An index stands for all: lists are
 * compared as a whole. Null for any other text.
 */
export function parsePathRule(text: string): PathRule | null {
  if (!text.startsWith('$') || text.length > 500) return null;
  const rule: RulePart[] = [];
  for (let at = 1; at < text.length;) {
    part.lastIndex = at;
    const found = part.exec(text);
    if (found === null) return null;
    const [whole, dots, name, index, single, double] = found;
    const step = index !== undefined || name === '*' ? null : stepOf(name ?? single ?? double ?? '');
    rule.push({ step, deep: dots === '..' });
    at += whole.length;
  }
  return rule;
}

/** The step to a member of this name. */
export const stepOf = (name: string): Step => (variableOf(name) === null ? name : null);

/** Whether the place, or one that it lies in, is named by the rule. */
export function matches(rule: PathRule, place: readonly Step[], from = 0, at = 0): boolean {
  const wanted = rule[at];
  if (wanted === undefined) return true;
  for (let i = from; i < place.length; i++) {
    const step = place[i];
    if ((wanted.step === null ? true : wanted.step === step) && matches(rule, place, i + 1, at + 1))
      return true;
    if (!wanted.deep) return false;
  }
  return false;
}

const plainName = /^[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*$/;

/** The place as it is written: `$.items[*].price`. */
export const formatPlace = (place: readonly Step[]): string =>
  `$${place
    .map((step) =>
      step === null
        ? '[*]'
        : plainName.test(step)
          ? `.${step}`
          : `[${JSON.stringify(step.length > 80 ? `${step.slice(0, 80)}…` : step)}]`,
    )
    .join('')}`;

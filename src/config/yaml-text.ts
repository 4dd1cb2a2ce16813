import {
  type Alias,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from 'yaml';
import { describeValue, type Path, type Position, type Problem, shorten } from './problem.ts';

/** A spec is written by hand; more than this is a mistake or an attack. */
const maxBytes = 256 * 1024;
/** Values that aliases may stand for in all: bounds a text of a few lines that would unfold into gigabytes. */
const maxAliasCount = 100;
/** Levels of lists and maps. A spec needs eight. Values that hold themselves go deeper than any bound. */
const maxLevels = 64;
const tooDeep = `expected at most ${maxLevels} levels of lists and maps, found more`;
/** What follows the first faults of form is mostly their echo. */
const maxFaults = 5;

/** A YAML text that could be read. */
export interface YamlText {
  readonly value: unknown;
  /** Where the value at a path is, or its key; the nearest part above it that is written, if it is not. */
  readonly locate: (path: Path, atKey: boolean) => Position;
  /** Variables and words of commands that YAML reads as something other than what is written, as 1.10, which is the number 1.1. */
  readonly altered: readonly Problem[];
}

/** Reads a YAML 1.2 text of one document that is a map. The answer is the text, or all that is wrong with its form. */
export function readYaml(text: string): YamlText | readonly Problem[] {
  const top = (line: number, column: number, message: string): Problem[] => [
    { path: [], text: message, position: { line, column } },
  ];
  if (Buffer.byteLength(text) > maxBytes)
    return top(1, 1, `expected at most ${maxBytes} bytes, found ${Buffer.byteLength(text)}`);
  const lines = new LineCounter();
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  let document: Document.Parsed | undefined;
  let value: unknown;
  try {
    document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      merge: true,
      uniqueKeys: false, // Its own check compares each key with each; ours is below.
    });
    const ofForm: Fault[] = [...document.errors, ...document.warnings];
    const faults = ofForm.length > 0 ? ofForm : keyFaults(document.contents);
    if (faults.some(({ message }) => message.includes('call stack'))) return top(1, 1, tooDeep);
    if (faults.length > 0) {
      return firstOfEachPlace(faults).map(({ code, message, pos: [offset] }) => ({
        path: [],
        text: inWords(code, shorten(message, 160)),
        position: position(offset),
      }));
    }
    value = document.toJS({ maxAliasCount });
    if (!levelsFit(value, maxLevels)) return top(1, 1, tooDeep);
  } catch (error) {
    // The parser goes down once for each level, and throws where aliases stand for too much.
    if (error instanceof RangeError) return top(1, 1, tooDeep);
    if (error instanceof ReferenceError && error.message.startsWith('Excessive'))
      return top(1, 1, `expected aliases for at most ${maxAliasCount} values, found more`);
    const orphan = document && orphanAlias(document);
    const { line, column } = position(orphan ? (startOf(orphan) ?? 0) : 0);
    if (orphan) return top(line, column, `expected an anchor &${orphan.source} above this alias, found none`);
    return top(
      1,
      1,
      `expected YAML, found a fault: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (value === null || value === undefined) return top(1, 1, 'expected a spec, found an empty file');
  if (!isMap(document.contents)) {
    const found = Array.isArray(value)
      ? 'a list'
      : `the ${typeof value === 'string' ? 'text' : typeof value} ${JSON.stringify(value).slice(0, 40)}`;
    return top(1, 1, `expected a map of keys and values, found ${found}`);
  }
  const contents = document.contents;
  return {
    value,
    locate: (path, atKey) => position(offsetOf(document, contents, path, atKey)),
    altered: alteredTexts(document).map(({ node, path, text: found }) => ({
      path,
      text: found,
      position: position(node.range?.[0] ?? 0),
    })),
  };
}

interface Fault {
  readonly code: string;
  readonly message: string;
  readonly pos: readonly [number, ...number[]];
}

/** The first fault at each place of the text, a few of them. */
function firstOfEachPlace(faults: readonly Fault[]): readonly Fault[] {
  const places = new Map<number, Fault>();
  for (const fault of faults) if (!places.has(fault.pos[0])) places.set(fault.pos[0], fault);
  return [...places.values()].slice(0, maxFaults);
}

/** Keys that stand twice in one map, keys that are no text, and levels beyond the bound, in the tree below the node. */
function keyFaults(node: unknown, levels = maxLevels): Fault[] {
  if (!isCollection(node)) return [];
  const fault = (code: string, at: unknown, message = ''): Fault => ({
    code,
    message,
    pos: [startOf(at) ?? 0],
  });
  if (levels === 0) return [fault('DEEP', node)];
  if (!isMap(node)) return node.items.flatMap((item) => keyFaults(item, levels - 1));
  const seen = new Set<string>();
  return node.items.flatMap((pair) => {
    const name = keyName(pair);
    const twice = seen.has(name);
    seen.add(name);
    if (!isScalar(pair.key) || pair.key.value === null) return [fault('KEY', pair.key ?? node)];
    return twice ? [fault('DUPLICATE_KEY', pair.key, name)] : keyFaults(pair.value, levels - 1);
  });
}

/** Whether the value has at most so many levels. What aliases share is looked at once for each level. */
function levelsFit(value: unknown, levels: number, seen = new Map<unknown, number>()): boolean {
  if (typeof value !== 'object' || value === null || (seen.get(value) ?? Infinity) <= levels) return true;
  if (levels === 0) return false;
  if (!Object.values(value).every((part) => levelsFit(part, levels - 1, seen))) return false;
  seen.set(value, levels);
  return true;
}

/** The parser's own messages, where ours say better what to do. */
function inWords(code: string, message: string): string {
  switch (code) {
    case 'TAB_AS_INDENT':
      return 'expected spaces at the beginning of the line, found a tab';
    case 'DEEP':
      return tooDeep;
    case 'KEY':
      return 'expected a word as key';
    case 'DUPLICATE_KEY':
      return `expected each key once, found ${describeValue(message)} again`;
    case 'MULTIPLE_DOCS':
      return 'expected one document, found a second one after ---';
    case 'TAG_RESOLVE_FAILED':
      return `expected plain YAML, found a tag (${message})`;
    case 'BAD_INDENT':
      return `expected another indentation (${message})`;
    default:
      return `expected YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;
  }
}

/** The first alias without an anchor. */
function orphanAlias(document: Document.Parsed): Alias | undefined {
  let found: Alias | undefined;
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return undefined;
      found = alias;
      return visit.BREAK;
    },
  });
  return found;
}

const keyName = (pair: Pair): string => (isScalar(pair.key) ? String(pair.key.value) : String(pair.key));
const startOf = (node: unknown): number | undefined => (node as Node | null)?.range?.[0];

/** The offset in the text of the value (or the key) at the path, or of the nearest part above that is written. */
function offsetOf(document: Document.Parsed, contents: Node, path: Path, atKey: boolean): number {
  let node: Node | null | undefined = contents;
  let offset = 0;
  for (const [index, part] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair: Pair | undefined =
        node.items.find((item) => keyName(item) === String(part)) ?? merged(document, node, String(part));
      if (!pair) return offset;
      const key = startOf(pair.key) ?? offset;
      node = pair.value as Node | null;
      // A value of several lines is best found by its key.
      const byKey = (atKey && index === path.length - 1) || !isScalar(node) || node.value === null;
      offset = byKey ? key : (startOf(node) ?? key);
    } else if (isSeq(node)) {
      node = node.items[Number(part)] as Node | undefined;
      offset = startOf(node) ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

/** The pair that a map takes over through `<<`. */
function merged(
  document: Document.Parsed,
  map: { readonly items: readonly Pair[] },
  key: string,
): Pair | undefined {
  const source = map.items.find(
    (item) => keyName(item) === '<<' || (isScalar(item.key) && typeof item.key.value === 'symbol'),
  )?.value;
  const sources = isSeq(source) ? source.items : [source];
  for (const one of sources) {
    const target = isAlias(one) ? one.resolve(document) : one;
    const pair = isMap(target) ? target.items.find((item) => keyName(item) === key) : undefined;
    if (pair) return pair;
  }
  return undefined;
}

/** Numbers and booleans among variables and words of commands whose text would be another one than what is written. */
function alteredTexts(document: Document.Parsed): { node: Node; path: Path; text: string }[] {
  const found: { node: Node; path: Path; text: string }[] = [];
  visit(document, {
    Scalar(where, node, ancestors) {
      const { source, value } = node;
      if (where === 'key' || (typeof value !== 'number' && typeof value !== 'boolean')) return;
      if (source === undefined || source === String(value)) return;
      const keys = ancestors.filter(isPair).map(keyName);
      const isText = keys.at(-2) === 'variables' || keys.at(-1) === 'command' || keys.at(-1) === 'build';
      if (!isText) return;
      const path = ancestors.flatMap((ancestor, index): Path => {
        if (isPair(ancestor)) return [keyName(ancestor)];
        return isSeq(ancestor) ? [ancestor.items.indexOf(ancestors[index + 1] ?? node)] : [];
      });
      found.push({
        node,
        path,
        text: `expected text in quotes, found ${source}, which YAML reads as ${String(value)}; write "${source}"`,
      });
    },
  });
  return found;
}

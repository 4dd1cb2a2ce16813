import { z } from 'zod';
import { Duration, formatDuration } from '../core/duration.ts';
import { Spec } from '../core/spec.ts';

/** The part of JSON Schema (draft 2020-12) that a spec's schema is written in. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | false;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly default?: unknown;
}

/**
 * The JSON Schema of what a user writes in a spec, for editors: made from the one schema, with the defaults as a user would
 * write them (durations as text). Two rules that it cannot say are the loader's alone: `router.layer` names a layer (and is
 * needed where there are several and none is `web`), and `router.preview` differs from `router.listen`.
 */
export function specJsonSchema(): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(Spec, {
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      const { def } = zodSchema._zod;
      if (def.type === 'default')
        jsonSchema.default = written(def.innerType, def.defaultValue) as typeof jsonSchema.default;
      if (jsonSchema.format === 'starts_with') delete jsonSchema.format; // No format of the standard; the pattern says it.
    },
  });
  return {
    $schema,
    $id: 'urn:cutover:spec',
    title: 'The spec of a service: cutover.yaml',
    ...rest,
  } as JsonSchema;
}

/** A parsed value as a user would write it: durations are text again. */
function written(schema: z.core.$ZodType, value: unknown): unknown {
  const { def } = schema._zod as z.core.$ZodTypes['_zod'];
  if (def === Duration.def) return formatDuration(Number(value));
  if ((def.type === 'default' || def.type === 'optional') && 'innerType' in def)
    return written(def.innerType, value);
  if (def.type === 'object' && typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, part]) => {
        const shape = def.shape[key];
        return [key, shape ? written(shape, part) : (part as unknown)];
      }),
    );
  }
  return value;
}

/** The schemas that a value at the path may have; none if nothing may stand there. */
export function schemasAt(schema: JsonSchema, path: readonly (string | number)[]): readonly JsonSchema[] {
  const variants = schema.anyOf ?? [schema];
  const [first, ...rest] = path;
  if (first === undefined) return variants;
  return variants.flatMap((variant) => {
    const inner =
      typeof first === 'number'
        ? variant.items
        : variant.properties && Object.hasOwn(variant.properties, first)
          ? variant.properties[first]
          : variant.additionalProperties || undefined;
    return inner ? schemasAt(inner, rest) : [];
  });
}

/** The keys that the map at the path may have, in the order of the schema; none if its keys are the user's own. */
export function knownKeys(schema: JsonSchema, path: readonly (string | number)[]): readonly string[] {
  return schemasAt(schema, path).flatMap((variant) => Object.keys(variant.properties ?? {}));
}

import { specJsonSchema } from '../../config/json-schema.ts';
import { answerJson, type Invocation } from '../invocation.ts';

/** The JSON Schema of a spec. */
export function schema(invocation: Invocation): number {
  answerJson(invocation, specJsonSchema());
  return 0;
}

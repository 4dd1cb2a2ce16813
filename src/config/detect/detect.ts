import { basename, resolve } from 'node:path';
import { checkSpecText } from '../check-spec.ts';
import { composeHints, detectCompose } from './compose.ts';
import { type Draft, renderDraft } from './draft.ts';
import { type Folder, folderAt } from './folder.ts';
import { detectGo, detectPython, detectRuby, detectStatic } from './languages.ts';
import { nearestName } from './names.ts';
import { detectNode, readPackage } from './node.ts';
import { detectProcfile } from './procfile.ts';

/** A first spec for a folder. */
export interface DetectedSpec {
  /** The text of a `cutover.yaml`; the schema accepts it. */
  readonly text: string;
  /** What was recognised, in a few words. */
  readonly kind: string;
  /** What was assumed or left out, for the user to look at; each a clause. */
  readonly notes: readonly string[];
}

/** Where nothing was recognised: a spec to be filled in. */
const template: Draft = {
  kind: 'nothing that is known, so change the command below',
  layers: [{ name: 'web', argv: ['./server'], health: 'tcp' }],
  notes: [
    'nothing was recognised here: write the program under command; it is expected to listen on the port in $PORT',
  ],
};

/**
 * Looks at a folder and writes a first spec for what is in it. What somebody wrote to say how the programs are run comes
 * before what can only be guessed from the language. Reads files; runs nothing; never fails for what it finds.
 */
export function detectSpec(path: string): DetectedSpec {
  const folder = folderAt(path);
  const service = nearestName(readPackage(folder)?.name ?? basename(resolve(path)), 'service');
  const draft = recognise(folder);
  const text = renderDraft(service, draft);
  const { problems } = checkSpecText(text);
  if (!problems) return { text, kind: draft.kind, notes: draft.notes };
  const reason = problems[0]?.text ?? 'it is no spec';
  const notes = [`${draft.kind} was found, but no spec could be made of it: ${reason}`, ...template.notes];
  return { text: renderDraft(service, template), kind: template.kind, notes };
}

function recognise(folder: Folder): Draft {
  const compose = composeHints(folder);
  const found =
    detectProcfile(folder) ??
    detectCompose(compose) ??
    detectNode(folder) ??
    detectPython(folder) ??
    detectGo(folder) ??
    detectRuby(folder) ??
    detectStatic(folder);
  const draft = found ? withLanguage(folder, found) : template;
  if (!compose) return draft;
  const [routed, ...others] = draft.layers;
  const health = compose.healthPath;
  return {
    ...draft,
    layers:
      routed && health !== undefined && found
        ? [{ ...routed, health: { http: health } }, ...others]
        : draft.layers,
    ...(compose.port === undefined ? {} : { port: compose.port }),
    notes: [...draft.notes, ...compose.notes.filter((note) => !draft.notes.includes(note))],
  };
}

/** A Procfile says how programs are run, and not what they need: that, the language says. */
function withLanguage(folder: Folder, draft: Draft): Draft {
  if (draft.build !== undefined) return draft;
  const language = detectNode(folder) ?? detectPython(folder) ?? detectGo(folder) ?? detectRuby(folder);
  if (!language) return draft;
  const { build = [], exclude = [] } = language;
  const notes =
    build.length > 0
      ? ['programs that the build commands install are to be named by their path in the release']
      : [];
  return { ...draft, build, exclude, notes: [...draft.notes, ...notes] };
}

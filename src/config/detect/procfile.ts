import { commandOfLine } from './command-line.ts';
import type { Draft, DraftLayer } from './draft.ts';
import type { Folder } from './folder.ts';
import { layerName } from './names.ts';

export function detectProcfile(folder: Folder): Draft | undefined {
  const text = folder.text('Procfile');
  if (text === undefined) return undefined;
  const layers: DraftLayer[] = [];
  const notes: string[] = [];
  for (const [, process = '', line = ''] of text.matchAll(/^[ \t]*([A-Za-z0-9_-]+):[ \t]*(\S.*)$/gm)) {
    const command = commandOfLine(line);
    if (!command) continue;
    if (process === 'release') {
      notes.push(
        `\`release: ${line.trim()}\` of the Procfile is left out; run it before a deployment, or as a build command`,
      );
      continue;
    }
    const name = layerName(process);
    if (layers.some((layer) => layer.name === name)) {
      notes.push(`a second process ${name} in the Procfile is left out`);
      continue;
    }
    notes.push(...command.notes);
    layers.push({ name, argv: command.argv, variables: command.variables, health: 'none' });
  }
  // By Heroku's rule web is the one that gets the traffic; without it the first does.
  const routed = layers.find(({ name }) => name === 'web') ?? layers[0];
  if (!routed) return undefined;
  if (routed.name !== 'web') notes.push(`no process is named web, so traffic goes to ${routed.name}`);
  const others = layers.filter((layer) => layer !== routed);
  if (others.length > 0) notes.push(`${others.map(({ name }) => name).join(', ')}: taken to listen nowhere`);
  notes.push(`${routed.name} is expected to listen on the port in $PORT`);
  return { kind: 'a Procfile', layers: [{ ...routed, health: { http: '/' } }, ...others], notes };
}

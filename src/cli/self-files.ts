import { CutoverError } from '../core/errors.ts';
import { type ProgramFile, programFile, programText } from '../platforms/host/ssh/program.ts';
import { entry, isCompiled } from './self.ts';

/** This program as files that run on other machines of its kind: the executable, or Bun and the checkout as one file. */
export async function selfFiles(): Promise<ProgramFile[]> {
  if (isCompiled) return [await programFile(process.execPath, 'cutover')];
  const built = await Bun.build({
    entrypoints: [entry],
    target: 'bun',
    format: 'esm',
    // Native parts of ssh2, which does without.
    external: ['cpu-features', '*.node'],
  });
  const [output] = built.outputs;
  if (!output) throw new CutoverError('internal', `${entry}: expected one file, found none`);
  return [await programFile(process.execPath, 'bun'), programText('cutover.js', await output.text())];
}

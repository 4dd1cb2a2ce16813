/** The name of a service or a layer that is nearest to the text. */
export function nearestName(text: string, otherwise: string): string {
  const name = text
    .replace(/^@[^/]*\//, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '');
  return name === '' ? otherwise : name;
}

export const layerName = (text: string): string => nearestName(text, 'web');

/** The two environments of a service, by colour. */
export const colours = ['blue', 'green'] as const;
export type Colour = (typeof colours)[number];

/** The colour that the given one is not. */
export const other = (colour: Colour): Colour => (colour === 'blue' ? 'green' : 'blue');

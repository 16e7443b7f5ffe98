/** Approximate character widths in ems for the font of the figures, with a margin for fallback fonts. */
const widths: readonly (readonly [RegExp, number])[] = [
  [/[iljtfr.,;:'|!()[\]{}\s/\\-]/, 0.36],
  [/[mwMW@%—]/, 0.9],
  [/[A-Z&]/, 0.72],
  [/[\u1100-\u{1f9ff}]/u, 1.05],
];
const defaultWidth = 0.54;

/** The approximate width of a line of text, in the unit of `size`. */
export function textWidth(text: string, size: number): number {
  let ems = 0;
  for (const character of text) ems += widths.find(([pattern]) => pattern.test(character))?.[1] ?? defaultWidth;
  return ems * size;
}

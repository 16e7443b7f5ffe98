/** Whether a name has a wildcard of a glob: `*` or `?`. */
export const isGlob = (name: string): boolean => /[*?]/.test(name);

/** The steps that matches may still take together: about one for each character that is read. */
export type GlobSteps = { left: number };

/** Thrown by a match that has no steps left. */
export class GlobStepsUsed extends Error {}

/**
 * Whether a path matches a glob. `*` is any text within one part of the path, `?` one character, and the part `**` any
 * number of parts. A wildcard does not match a dot at the start of a part. The time is bounded by the product of both
 * lengths, and by `steps`. Throws GlobStepsUsed.
 */
export function matchesGlob(
  path: string,
  glob: string,
  steps: GlobSteps = { left: Number.POSITIVE_INFINITY },
): boolean {
  steps.left -= path.length + glob.length;
  return matches(path.split("/"), glob.split("/"), { star: "**", steps }, (name, part) =>
    matchesPart(name, part, steps),
  );
}

/** Whether one part of a path matches one part of a glob. */
export function matchesPart(
  name: string,
  glob: string,
  steps: GlobSteps = { left: Number.POSITIVE_INFINITY },
): boolean {
  if (name.startsWith(".") && !glob.startsWith(".")) return false;
  return matches(
    [...name],
    [...glob],
    { star: "*", steps },
    (character, wanted) => wanted === "?" || wanted === character,
  );
}

/** Matches items with a pattern, in which `star` matches any number of items. */
function matches(
  items: readonly string[],
  pattern: readonly string[],
  { star, steps }: { readonly star: string; readonly steps: GlobSteps },
  isMatch: (item: string, wanted: string) => boolean,
): boolean {
  let at = 0;
  let next = 0;
  // After the last star: where the pattern continues, and the first item that the star does not cover.
  let retry: { readonly next: number; at: number } | undefined;
  while (at < items.length) {
    steps.left -= 1;
    if (steps.left < 0) throw new GlobStepsUsed();
    const wanted = pattern[next];
    if (wanted === star) {
      next += 1;
      retry = { next, at };
    } else if (wanted !== undefined && isMatch(items[at] as string, wanted)) {
      at += 1;
      next += 1;
    } else if (retry !== undefined && !(star === "**" && items[retry.at]?.startsWith("."))) {
      retry.at += 1;
      at = retry.at;
      next = retry.next;
    } else return false;
  }
  return pattern.slice(next).every((one) => one === star);
}

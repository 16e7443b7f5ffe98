const mostBrackets = 200;

/** Position at which the nesting is so deep that the YAML parser would run out of memory; undefined if there is none. */
export function tooDeepAt(text: string): number | undefined {
  const dashes = /(?:[-?:][ \t]+){100}/.exec(text);
  if (dashes !== null) return dashes.index;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === 0x5b || char === 0x7b) depth++;
    else if ((char === 0x5d || char === 0x7d) && depth > 0) depth--;
    if (depth > mostBrackets) return at;
  }
  return undefined;
}

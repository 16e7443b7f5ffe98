/** The offset of a line, from 1. The last line if the text has fewer. */
export function lineStart(text: string, line: number): number {
  let at = 0;
  for (let number = 1; number < line; number++) {
    const feed = text.indexOf("\n", at);
    if (feed < 0) return at;
    at = feed + 1;
  }
  return at;
}

/** The offset of the end of the line that has an offset, without its line break. */
export function lineEnd(text: string, start: number): number {
  const feed = text.indexOf("\n", start);
  const end = feed < 0 ? text.length : feed;
  return end > start && text[end - 1] === "\r" ? end - 1 : end;
}

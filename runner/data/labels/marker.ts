const bullet = /^(?:[-*+•‣◦–—·▪●➤►→✓✔✅☑](?:\s+|$)|[•・･●◆■](?=\p{L}))/u;
const letter = /^\(?[a-hα-θа-з]\)(?:\s+|$)/iu;
const ticked = /^\[[xX✓✔]\]\s+/;
const unticked = /^(?:\[ ?\]|☐|❌|✗|✘|🚫|⛔)\s/;
const number =
  /^(?:#+ )?[*_]{0,3}(?:[(（]?(\p{Nd}{1,3})(?:[.):](?:\s+|$)|[-–]\s+|[.．）、](?=[^\s\p{Nd}])|[．）、]\s+)|([①-⑳])\s*)/u;

/** The marker of a list entry. */
export type Marker = { readonly kind: "bullet" } | { readonly kind: "number"; readonly value: number };

/** A piece without a bullet, number, letter or ticked box at its start; empty if its box is not ticked. */
export function withoutMarker(piece: string): string {
  const rest = piece.replace(bullet, "");
  if (unticked.test(rest)) return "";
  return rest.replace(number, "").replace(letter, "").replace(ticked, "");
}

/** A piece without a bullet at its start. */
export function withoutBullet(piece: string): string {
  return piece.replace(bullet, "");
}

/** A piece without a number at its start. */
export function withoutNumber(piece: string): string {
  return piece.replace(number, "");
}

/** The marker at the start of a line. */
export function markerOf(line: string): Marker | undefined {
  const found = number.exec(line);
  if (found) return { kind: "number", value: numberOf((found[1] ?? found[2]) as string) };
  return bullet.test(line) || unticked.test(line) ? { kind: "bullet" } : undefined;
}

/** The number that digits of any script, or a number in a circle, write. */
function numberOf(text: string): number {
  return Number(text.normalize("NFKC").replaceAll(/\p{Nd}/gu, (digit) => String(digitOf(digit))));
}

/** The value of a decimal digit: its place in the ten digits of its script, which have consecutive code points. */
function digitOf(digit: string): number {
  const code = digit.codePointAt(0) as number;
  let value = 0;
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - value - 1))) value++;
  return value;
}

/**
 * Whether a line continues a list: a bullet after a bullet, a larger number after a number. Other lines explain
 * entries.
 */
export function continues(list: Marker, marker: Marker | undefined): boolean {
  if (list.kind === "bullet") return marker?.kind === "bullet";
  return marker?.kind === "number" && marker.value > list.value;
}

/** Splits "1. A 2. B 3. C" into lines if the numbers count up from 1. */
export function numberedApart(line: string): string[] {
  if (!/^(?:\(?1(?:[.)]\s|[．、）])|①)/.test(line)) return [line];
  const starts = [0];
  const next = /\s\(?(\d{1,2})(?:[.)]\s|[．、）])|\s?([②-⑳])/g;
  for (let found = next.exec(line); found !== null; found = next.exec(line)) {
    if (numberOf((found[1] ?? found[2]) as string) !== starts.length + 1) continue;
    starts.push(found.index + (/^\s/.test(found[0]) ? 1 : 0));
  }
  return starts.map((start, at) => line.slice(start, starts[at + 1]).trim());
}

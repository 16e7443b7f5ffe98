const bullet = /^[-*+•‣◦–—·▪●➤►→✓✔✅☑](?:\s+|$)/;
const letter = /^\(?[a-hA-H]\)(?:\s+|$)/;
const ticked = /^\[[xX✓✔]\]\s+/;
const unticked = /^(?:\[ ?\]|☐|❌|✗|✘)\s/;
const number = /^(?:#+ )?[*_]{0,3}\(?(\d{1,3})(?:[.):](?:\s+|$)|[.）、](?=[^\s\d]))/;

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

/** The marker at the start of a line. */
export function markerOf(line: string): Marker | undefined {
  const value = number.exec(line)?.[1];
  if (value !== undefined) return { kind: "number", value: Number(value) };
  return bullet.test(line) || unticked.test(line) ? { kind: "bullet" } : undefined;
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
  if (!/^\(?1[.)]\s/.test(line)) return [line];
  const starts = [0];
  const next = /\s\(?(\d{1,2})[.)]\s/g;
  for (let found = next.exec(line); found !== null; found = next.exec(line)) {
    if (Number(found[1]) === starts.length + 1) starts.push(found.index + 1);
  }
  return starts.map((start, at) => line.slice(start, starts[at + 1]).trim());
}

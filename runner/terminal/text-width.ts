import { stripVTControlCharacters } from "node:util";
import { withoutControls } from "../util/control-characters.ts";

/** Texts with one cell for each UTF-16 unit: Latin letters, dashes and the minus sign of empty and negative cells. */
const plain = /^[\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u2212]*$/;
const invisible = /^[\p{Mark}\p{Default_Ignorable_Code_Point}\p{Control}]*$/u;
const emoji = /^\p{Emoji_Presentation}|\ufe0f/u;
const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]/u;

let segmenter: Intl.Segmenter | undefined;

/** Grapheme clusters. The segmenter is created on demand, because its creation takes longer than most commands' output. */
function* clusters(text: string): Generator<string> {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  for (const { segment } of segmenter.segment(text)) yield segment;
}

/** The width of a text in terminal cells: 2 for East Asian wide characters and emoji, 0 for combining marks. */
export function textWidth(text: string): number {
  if (plain.test(text)) return text.length;
  let width = 0;
  for (const cluster of clusters(text)) width += clusterWidth(cluster);
  return width;
}

function clusterWidth(cluster: string): number {
  if (invisible.test(cluster)) return 0;
  return emoji.test(cluster) || wide.test(cluster) ? 2 : 1;
}

/** Truncates a text to a width in cells. A truncated text ends with "…". */
export function cut(text: string, cells: number): string {
  if (textWidth(text) <= cells) return text;
  let kept = "";
  let width = 0;
  for (const cluster of clusters(text)) {
    width += clusterWidth(cluster);
    if (width > cells - 1) break;
    kept += cluster;
  }
  return cells > 0 ? `${kept}…` : "";
}

/** A line without control characters. Indentation is kept. Messages of models and libraries can contain any character. */
export function printable(line: string): string {
  return withoutControls(stripVTControlCharacters(line).replaceAll(/\p{Control}+/gu, " ")).trimEnd();
}

/** A text with all whitespace, line breaks included, collapsed to single spaces. */
export function oneLine(text: string): string {
  return printable(text).replaceAll(/\s+/g, " ").trim();
}

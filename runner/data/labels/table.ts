import { flagOf } from "./stated.ts";
import type { Vocabulary } from "./vocabulary.ts";

const labelColumn =
  /^(?:final |predicted |applicable )?(?:labels?|diagnos[ei]s|findings?|conditions?|categor(?:y|ies)|class(?:es)?|tags?|names?|answers?|diseases?|patholog(?:y|ies)|codes?|topics?)$/i;
const flagColumn =
  /^(?:present\??|presence|applies\??|applicable\??|status|found\??|detected\??|yes\/no|value|assigned\??|answer|included\??)$/i;

/**
 * The labels in the first Markdown table of an answer. The column is the one that a heading names, else the one with
 * labels of the study; a column of "yes" and "no" selects its rows. undefined: no table, or no such column.
 */
export function tableLabels(
  text: string,
  vocabulary: Vocabulary,
): { readonly labels: readonly string[]; readonly around: boolean } | undefined {
  if (!text.includes("|")) return undefined;
  const lines = text.split(/\r\n|\r|\n/).map((line) => line.trim());
  const rule = lines.findIndex((line, at) => at > 0 && isRule(line) && (lines[at - 1] as string).includes("|"));
  if (rule < 0) return undefined;
  const header = cells(lines[rule - 1] as string);
  const rows: string[][] = [];
  let end = rule + 1;
  for (; end < lines.length && (lines[end] as string).includes("|"); end++) rows.push(cells(lines[end] as string));
  const column = (at: number): string[] => rows.map((row) => row[at] ?? "");
  const around = [...lines.slice(0, rule - 1), ...lines.slice(end)].some((line) => line !== "");
  if (rows.length === 0) return undefined;

  const isFlags = header.map((_, at) => {
    const all = column(at);
    return all.every((cell) => flagOf(cell) !== undefined) && !all.every((cell) => /^none\.?$/i.test(cell));
  });
  const knownIn = (names: readonly string[]): number =>
    names.filter((name) => vocabulary.find(name) !== undefined).length;
  if (rows.length === 1 && knownIn(header) * 2 >= header.length && isFlags.some(Boolean)) {
    const only = rows[0] as string[];
    return { labels: header.filter((_, at) => flagOf(only[at]) === true), around };
  }
  const counts = header.map((_, at) => knownIn(column(at)));
  const most = Math.max(...counts);
  const named = header.findIndex((name, at) => labelColumn.test(name) && !isFlags[at]);
  const at = most > 0 && (named < 0 || counts[named] === 0) ? counts.indexOf(most) : named;
  if (at < 0) return undefined;
  const flags = header.findIndex(
    (name, other) => other !== at && isFlags[other] && (flagColumn.test(name) || header.length === 2),
  );
  const kept = rows.filter((row) => flags < 0 || flagOf(row[flags] ?? "") === true);
  return { labels: kept.map((row) => row[at] ?? "").filter((cell) => cell !== ""), around };
}

function isRule(line: string): boolean {
  return line.includes("-") && /^[|:\-\s]+$/.test(line);
}

function cells(line: string): string[] {
  return line
    .replace(/^\|/, "")
    .replace(/\|$/, "")
    .split("|")
    .map((cell) => cell.trim().replace(/^[*_`]+|(?<![*_`])[*_`]+$/g, ""));
}

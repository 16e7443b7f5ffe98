import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { inputColumns, jsonOf, placeOf, targetColumns } from "../../data/columns.ts";
import { isScalar } from "../../data/json-value.ts";
import { readTable } from "../../data/table.ts";
import { datasetSnapshot } from "../../hub/places.ts";
import { filesOf } from "../../plugins/data-part.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import { datasetFiles } from "../../runs/dataset-files.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { readRegularFile } from "../../util/regular-file.ts";
import { wordsOf } from "./normalise-text.ts";
import { type FailedCheck, failedCheck } from "./release.ts";

/** A text of a data file that must not be published. */
export type PrivateText = {
  readonly text: string;
  /** "row 12 of data/train.csv, column input". */
  readonly place: string;
  /** A short value of a column that identifies a person, such as a name: it is searched for as a whole. */
  readonly isShort: boolean;
};

export type SourceFiles = {
  /** Folders that paths of the manifest are relative to. The first one that has the file is used. */
  readonly roots: readonly string[];
  /** SHA-256 of a file. */
  digest(path: string): string;
  /** The cache of the Hugging Face libraries. */
  readonly cache: string;
};

/**
 * Every text of the data files of a run, with rows beyond `limit` and columns that the study does not use. Ids and
 * labels are not among them: they are published. Files that are missing or changed are failed checks.
 */
export async function readSourceTexts(
  { manifest }: FinishedRun,
  labels: readonly string[],
  { roots, digest, cache }: SourceFiles,
): Promise<{ readonly texts: readonly PrivateText[]; readonly failed: readonly FailedCheck[] }> {
  const texts: PrivateText[] = [];
  const failed: FailedCheck[] = [];
  const seen = new Set<string>();
  for (const { data } of [manifest.config, ...Object.values(manifest.compared ?? {})]) {
    for (const part of [data.train, data.validation, data.test]) {
      for (const file of filesOf(part)) {
        if (seen.has(JSON.stringify([file, part?.sheet]))) continue;
        seen.add(JSON.stringify([file, part?.sheet]));
        const path = roots.map((root) => resolve(root, file)).find(existsSync);
        const help = "restore the file, so that its rows can be searched for";
        if (path === undefined) failed.push(failedCheck("file-gone", `the data file ${file} is missing`, help));
        else if (digest(path) !== manifest.provenance.sources[file])
          failed.push(failedCheck("file-altered", `the data file ${file} has changed since the run`, help));
        else for (const text of await textsOf(path, file, part, data.columns, labels)) texts.push(text);
      }
      for (const file of datasetFiles({ config: { data }, steps: manifest.steps }, part)) {
        if (seen.has(file.name)) continue;
        seen.add(file.name);
        const path = join(datasetSnapshot(cache, file.hub, file.revision), file.path);
        const help = "run exp run on the experiment with --until fetch_data, so that its rows can be searched for";
        if (!existsSync(path)) failed.push(failedCheck("file-gone", `${file.name} is not on this machine`, help));
        else if (digest(path) !== file.sha256)
          failed.push(failedCheck("file-altered", `${file.name} has changed since the run`, help));
        else for (const text of await textsOf(path, file.name, part, data.columns, labels)) texts.push(text);
      }
    }
  }
  return { texts, failed };
}

/** A value in more rows than this share of a file is a category, such as the name of a department. */
const categoryShare = 0.02;

async function textsOf(
  path: string,
  file: string,
  part: Pick<Experiment["data"]["train"], "sheet" | "header_row"> | undefined,
  columns: Experiment["data"]["columns"],
  labels: readonly string[],
): Promise<readonly PrivateText[]> {
  const table = await readTable({
    path,
    bytes: readRegularFile(path, "data file"),
    sheet: part?.sheet,
    headerRow: part?.header_row,
  });
  // The digest is that of the run, which has read the file.
  if (!table.ok) return [];
  const { rows } = table.value;
  const known = labels.map((label) => ` ${wordsOf(label).join(" ")} `).sort((a, b) => b.length - a.length);
  return table.value.columns.flatMap((column, at) => {
    if (column === columns.id) return [];
    const inputs = inputColumns(columns).filter((name) => placeOf(name, [column]) !== undefined);
    // The texts in JSON, and not their quotes and keys.
    const texts = rows.map((row) => [row[at] ?? ""].flat().flatMap(textsIn));
    const cells = texts.map((all) => all.join("\n"));
    const place = (row: number): string =>
      `row ${row + 1} of ${file}, ${column === "" ? "a column without a name" : `column ${column}`}`;
    if (inputs.length === 0 && targetColumns(columns).some((name) => placeOf(name, [column]) !== undefined))
      return unpublishedTargets(cells, known, place);
    const search = { known, place, isGroup: column === columns.group, rows: rows.length };
    const own = otherTexts(
      cells.map((text, row) => ({ text, row })),
      search,
    );
    // A message of a conversation is shorter than what is searched for in the whole of it.
    const parts = texts.flatMap((all, row) => (all.length > 1 ? all.map((text) => ({ text, row })) : []));
    const messages = otherTexts(parts, search).filter(({ isShort }) => !isShort);
    if (inputs.length === 0) return [...own, ...messages];
    // One of several inputs may be a name.
    const names = columns.inputs === undefined ? [] : own.filter(({ isShort }) => isShort);
    return [...cells.map((text, row) => ({ text, place: place(row), isShort: false })), ...names, ...messages];
  });
}

/** A cell, or the texts in its JSON. */
function textsIn(cell: string): readonly string[] {
  const leaves = (value: unknown): readonly string[] =>
    Array.isArray(value)
      ? value.flatMap(leaves)
      : typeof value === "object" && value !== null && !isScalar(value)
        ? Object.values(value).flatMap(leaves)
        : [String(value ?? "")];
  const value = jsonOf(cell);
  return value === undefined ? [cell] : leaves(value);
}

/** What targets contain besides labels that the release publishes. */
function unpublishedTargets(
  cells: readonly string[],
  known: readonly string[],
  place: (row: number) => string,
): readonly PrivateText[] {
  const rest = new Map<string, number>();
  for (const cell of new Set(cells)) {
    const row = cells.indexOf(cell);
    for (const text of withoutLabels(wordsOf(cell), known).split("  "))
      if (text.trim() !== "" && !rest.has(text)) rest.set(text, row);
  }
  return [...rest].map(([text, row]) => ({ text, place: place(row), isShort: false }));
}

/** The texts of a column, or of parts of its cells, that are neither categories nor labels. */
function otherTexts(
  texts: readonly { readonly text: string; readonly row: number }[],
  {
    known,
    place,
    isGroup,
    rows: count,
  }: {
    readonly known: readonly string[];
    readonly place: (row: number) => string;
    readonly isGroup: boolean;
    readonly rows: number;
  },
): readonly PrivateText[] {
  const rows = new Map<string, number[]>();
  for (const { text: cell, row } of texts) {
    const text = cell.trim();
    if (text === "") continue;
    const same = rows.get(text);
    if (same === undefined) rows.set(text, [row]);
    else same.push(row);
  }
  return [...rows].flatMap(([text, where]) => {
    // A group with many cases is not a category.
    if (!isGroup && where.length > Math.max(3, categoryShare * count)) return [];
    const words = wordsOf(text);
    const isShort = words.length < 5;
    if (isShort && (!isIdentifying(text, words) || known.some((label) => label.includes(` ${words.join(" ")} `))))
      return [];
    if (withoutLabels(words, known).trim() === "") return [];
    return [{ text, place: place(where[0] as number), isShort }];
  });
}

/** Words without those of labels, with two spaces in the place of a label. */
function withoutLabels(words: readonly string[], known: readonly string[]): string {
  return known.reduce((text, label) => text.replaceAll(label, "  "), ` ${words.join(" ")} `);
}

/** Two or more words, letters with digits, or a long number. A single word or a short number also occurs by chance. */
function isIdentifying(text: string, words: readonly string[]): boolean {
  const size = words.join("").length;
  if (/^[\d.,eE+\s-]+$/.test(text)) return /\d{8,}/.test(text);
  return size >= 8 && (words.length >= 2 || /\d/.test(text));
}

/** Looks up the numbers of one run in every output that states them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Workbook } from "exceljs";
import type { Failure } from "../evaluation/error-analysis/analyse.ts";
import { plannedTests } from "../evaluation/statistics/family.ts";
import { readResult } from "../pipeline/result-files.ts";
import { armNames } from "../pipeline/steps/arm-names.ts";
import { shownMetrics } from "../plugins/metrics/own-metric.ts";
import { tasks } from "../plugins/tasks/registry.ts";
import type { Manifest } from "../runs/manifest.ts";
import { integer, percent, pValue, reportDuration, score, signed, signedBounds, withInterval } from "../util/format.ts";

/** The outputs of a run of a task with sets of labels that has a comparison and an error analysis. */
export type Outputs = {
  /** The folder of the run. */
  readonly folder: string;
  readonly manifest: Manifest;
  readonly html: string;
  /** `pdftotext -raw` */
  readonly pdf: string;
  readonly readme: string;
  /** The output of `exp show`. */
  readonly show: string;
  readonly book: Workbook;
};

/** A number that an output states. `found` is undefined if the output lacks it. */
type Stated = {
  readonly quantity: string;
  readonly output: string;
  readonly found: unknown;
  readonly expected: unknown;
};

type Table = {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
};

/**
 * Every number of a run as each output states it, next to the number of its result file. Scores, intervals, p-values,
 * counts, rates and seconds are compared by metric, arm, view, label, category and cause.
 */
export function statedNumbers(outputs: Outputs): readonly Stated[] {
  const { folder, manifest, show, readme } = outputs;
  const { config, compared } = manifest;
  const { metric: primary, view } = config.evaluate.primary;
  const arms = Object.keys(manifest.arms);
  const names = armNames({ config, compared, arms });
  const nameOf = (arm: string): string => names.get(arm) ?? arm;
  const metricName = (name: string): string =>
    tasks.get(config.task).metrics.get(name).displayName ?? name.replaceAll("_", " ");
  const metricsOf = new Map(arms.map((arm) => [arm, readResult("metrics.json", join(folder, arm))]));
  const comparison = readResult("comparison.json", folder);
  const analysis = readResult("analysis.json", folder);
  const audit = readResult("audit.json", join(folder, "data"));
  const failures = readFileSync(join(folder, "failures.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Failure);
  const tables = tablesOf(outputs.html);
  const text = plainText(outputs.html);
  const sheets = new Map(outputs.book.worksheets.map(({ name }) => [name, sheetRows(outputs.book, name)]));
  const stated: Stated[] = [];
  const state = (output: string, quantity: string, found: unknown, expected: unknown): void => {
    const isClose = typeof found === "number" && typeof expected === "number" && Math.abs(found - expected) < 1e-9;
    stated.push({ quantity, output, found: isClose ? expected : found, expected });
  };
  const cellOf = (caption: RegExp, row: string, column: string): string | undefined => {
    for (const { caption: own, head, rows } of tables) {
      const at = head.indexOf(column);
      const found = caption.test(own) && at >= 0 ? rows.find(([first]) => first === row) : undefined;
      if (found !== undefined) return found[at];
    }
    return undefined;
  };
  const sheetCell = (sheet: string, matches: Readonly<Record<string, string>>, column: string): unknown =>
    sheets.get(sheet)?.find((row) => Object.entries(matches).every(([name, value]) => row[name] === value))?.[column];

  // Scores and intervals.
  const terminal = blocksOf(show);
  const listed = readme.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  const readmeHead = listed.find((cells) => cells[2] === "arm") ?? [];
  for (const name of shownMetrics(config.evaluate)) {
    for (const [arm, { views }] of metricsOf) {
      const { value, ...bounds } = comparison.arms[arm]?.[name] ?? { value: null };
      const shown = withInterval({ value, ...bounds });
      state("manifest", `${name} of ${arm}`, manifest.arms[arm]?.[view][name], value);
      state(
        "page",
        `${name} of ${arm}`,
        cellOf(/^(Scores of all arms|Further metrics)/, nameOf(arm), metricName(name)),
        shown,
      );
      const column = readmeHead.indexOf(metricName(name));
      if (column >= 0) {
        const row = listed.find((cells) => cells[2] === nameOf(arm) && cells.length === readmeHead.length);
        state("README", `${name} of ${arm}`, row?.[column], shown);
      }
      for (const [end, bound] of Object.entries({ lower: "low", upper: "high" } as const)) {
        const expected = (bounds as Partial<Record<"low" | "high", number>>)[bound];
        const row = { Metric: name, View: view };
        state(
          "workbook",
          `${end} end of ${name} of ${arm}`,
          sheetCell("Summary", row, `${nameOf(arm)}: 95 % CI ${end}`),
          expected,
        );
        state("manifest", `${end} end of ${name} of ${arm}`, manifest.intervals[arm]?.[view][name]?.[bound], expected);
      }
      for (const [own, values] of Object.entries(views)) {
        state(
          "workbook",
          `${name} of ${arm} (${own})`,
          sheetCell("Summary", { Metric: name, View: own }, nameOf(arm)),
          values[name],
        );
        const cell = cellOf(/same predictions in each view/, nameOf(arm), `${metricName(name)}, ${own}`);
        if (cell !== undefined) state("page", `${name} of ${arm} (${own})`, cell, score(values[name]));
      }
    }
    for (const own of Object.keys(metricsOf.get(arms[0] as string)?.views ?? {})) {
      const expected = [...metricsOf.values()].map(({ views }) => score(views[own as typeof view][name])).sort();
      state("exp show", `${name} of all arms (${own})`, terminal.get(`${name} ${own}`)?.toSorted(), expected);
    }
  }

  // Differences, p-values and exact matches.
  for (const { a, b, p, adjusted } of plannedTests(comparison.family)) {
    const pair = comparison.pairs.find((one) => [one.a, one.b].every((arm) => arm === a || arm === b));
    const { difference, low, high, detectable } = pair?.metrics[primary] ?? { difference: 0 };
    const isFirst = pair?.a === a;
    const found = {
      difference: isFirst ? difference : -difference,
      ...(low === undefined || high === undefined ? {} : isFirst ? { low, high } : { low: -high, high: -low }),
    };
    const [own, other] = isFirst
      ? [pair?.exact_match?.only_a, pair?.exact_match?.only_b]
      : [pair?.exact_match?.only_b, pair?.exact_match?.only_a];
    const row = `${nameOf(a)} − ${nameOf(b)}`;
    const cells = {
      difference: signed(found.difference),
      "95 % CI": signedBounds(found),
      detectable: score(detectable),
      p: pValue(p),
      "p (Holm)": pValue(adjusted),
      "exact matches": `${own} / ${other}`,
      "p (McNemar)": pValue(pair?.exact_match?.p),
    };
    for (const [column, expected] of Object.entries(cells))
      state("page", `${column} of ${row}`, cellOf(/planned tests/, row, column), expected);
    const line = show.split("\n").find((one) => one.startsWith(`${row}: `)) ?? "";
    state("exp show", `difference of ${row}`, line.includes(`${cells.difference} ${cells["95 % CI"]}, p `), true);
    state(
      "exp show",
      `p (Holm) of ${row}`,
      line.includes(adjusted < 0.001 ? "p < 0.001" : `p = ${cells["p (Holm)"]}`),
      true,
    );
    const of = { "Arm A": nameOf(pair?.a ?? ""), "Arm B": nameOf(pair?.b ?? ""), Metric: primary };
    for (const [column, expected] of Object.entries({
      "A − B": difference,
      "p (Holm)": adjusted,
      "p, planned test": p,
    }))
      state("workbook", `${column} of ${row}`, sheetCell("Significance", of, column), expected);
  }

  // Labels per answer, rates and counts of answers.
  const subject = comparison.family.subject;
  const { cardinality, out_of_set: outOfSet, per_label: labels, n } = metricsOf.get(subject) ?? {};
  const [gold, predicted] = [cardinality?.gold.mean ?? 0, cardinality?.predicted.mean ?? 0];
  const rate = outOfSet?.[view].rate ?? 0;
  state("page", "labels per gold answer", text.includes(`gold has ${gold.toFixed(2)}.`), true);
  for (const [arm, { cardinality: own, out_of_set: outside }] of metricsOf) {
    const shown = cellOf(/answers of the models/, nameOf(arm), "labels / case");
    if (shown === undefined && arm !== subject) continue;
    state("page", `labels per answer of ${arm}`, shown, own?.predicted.mean.toFixed(2));
    const shownRate = cellOf(/answers of the models/, nameOf(arm), "not in training");
    state("page", `rate out of set of ${arm}`, shownRate, percent(outside?.[view].rate ?? 0));
  }
  for (const [fact, expected] of Object.entries({
    labels_gold: gold,
    labels_predicted: predicted,
    out_of_set_rate: rate,
  }))
    state("workbook", fact, sheetCell("Summary", { Metric: fact }, nameOf(subject)), expected);
  for (const { label, support, precision, recall, f1, f1_low: low, f1_high: high } of labels?.[view] ?? []) {
    const row = { Label: label, View: view, Arm: nameOf(subject) };
    for (const [column, expected] of Object.entries({ Support: support, Precision: precision, Recall: recall, F1: f1 }))
      state("workbook", `${column} of ${label}`, sheetCell("Labels", row, column), expected);
    const shown = cellOf(/labels of the evaluated cases/, label, `F1 ${nameOf(subject)}`);
    const expected = withInterval({ value: f1, ...(low === null || high === null ? {} : { low, high }) });
    if (shown !== undefined) state("page", `F1 of ${label}`, shown, expected);
  }

  // Errors and their causes, counted in failures.jsonl.
  state(
    "page",
    "wrong cases",
    text.includes(
      `${failures.filter(({ arm }) => arm === subject).length} of the ${n} predictions of the arm “${nameOf(subject)}” differ`,
    ),
    true,
  );
  for (const [arm, { categories, causes }] of Object.entries(analysis.arms)) {
    const own = failures.filter((one) => one.arm === arm);
    for (const { name, cases } of categories) {
      const expected = own.filter((one) => one.categories.includes(name)).length;
      state("analysis.json", `${name} of ${arm}`, cases, expected);
      state(
        "workbook",
        `${name} of ${arm}`,
        sheetCell("Errors", { Arm: nameOf(arm), Category: name }, "Cases") ?? 0,
        expected,
      );
      const shown = cellOf(/by category and arm/, name.replaceAll("_", " "), nameOf(arm));
      if (shown !== undefined) state("page", `${name} of ${arm}`, shown, integer(expected));
      const line = terminal.get(`error category ${name}`);
      if (line !== undefined)
        state(
          "exp show",
          `${name} of ${arm}`,
          line[terminalColumn(show, "error category", nameOf(arm))],
          integer(expected),
        );
    }
    for (const { name, omitted, added } of causes?.counts ?? []) {
      const found = own.flatMap(({ causes: of = [] }) => of);
      const expected = found.filter((one) =>
        name === "none" ? one.causes.length === 0 : one.causes.includes(name),
      ).length;
      state("analysis.json", `cause ${name} of ${arm}`, omitted + added, expected);
      const sheetRow = sheets.get("Causes")?.find((row) => row.Arm === nameOf(arm) && row.Cause === name);
      if (sheetRow !== undefined)
        state(
          "workbook",
          `cause ${name} of ${arm}`,
          Number(sheetRow["Omitted labels"]) + Number(sheetRow["Added labels"]),
          expected,
        );
      const shown = cellOf(/^Causes/, name === "none" ? "no rule applies" : name.replaceAll("_", " "), nameOf(arm));
      if (shown !== undefined)
        state("page", `cause ${name} of ${arm}`, shown.replace(/ .*/s, ""), expected === 0 ? "–" : integer(expected));
      const line = terminal.get(`cause of a wrong label ${name}`);
      if (line !== undefined)
        state(
          "exp show",
          `cause ${name} of ${arm}`,
          line[terminalColumn(show, "cause of a wrong label", nameOf(arm))],
          integer(expected),
        );
    }
  }

  // Rows, and labels without a training row: the audit counts in the basic view, and with synonyms merged.
  for (const [split, { rows }] of Object.entries(audit.splits)) {
    state("page", `rows of ${split}`, cellOf(/^Splits/, split, "rows"), integer(rows));
    const listedRows = listed.find((cells) => cells[1] === split && /^[\d,]+$/.test(cells[2] ?? ""))?.[2];
    state("README", `rows of ${split}`, listedRows, integer(rows));
  }
  for (const { code, message } of audit.findings) {
    state(
      "page",
      `finding ${code}`,
      tables.some(({ rows }) => rows.some((row) => row[0] === code && row[3] === message)),
      true,
    );
    state(
      "workbook",
      `finding ${code}`,
      sheetCell("Data audit", { "Code or split": code }, "Finding or statistic"),
      message,
    );
  }
  const unseen = analysis.arms[subject]?.strata.training_frequency.find(({ name }) => name === "0")?.support;
  const finding = audit.findings.find(({ code }) => code === "unseen-label")?.message;
  state(
    "audit.json",
    "occurrences without training row",
    /(\d+) with synonyms merged/.exec(finding ?? "")?.[1],
    String(unseen),
  );

  // Seconds.
  state(
    "page",
    "seconds",
    cellOf(/^Computational cost/, manifest.experiment, "all steps"),
    reportDuration(manifest.cost.seconds),
  );
  state("exp show", "seconds", show.includes(`\n${reportDuration(manifest.cost.seconds)} `), true);

  // The PDF has every row of every table of the page.
  const printed = compact(outputs.pdf);
  for (const { caption, rows } of tables.filter(({ caption: own }) => !own.startsWith("Finished runs")))
    for (const row of rows)
      state("PDF", `${caption.slice(0, 40)}: ${row.join(" | ")}`, printed.includes(compact(row.join(""))), true);
  return stated;
}

/** Text without white space and without the marks where a long word may break. */
const compact = (text: string): string => text.replaceAll(/[\s\u200b]/g, "");

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };

/** The text of HTML. */
const plainText = (html: string): string =>
  html
    .replaceAll(/<[^>]*>/g, "")
    .replaceAll(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => entities[name] as string)
    .replaceAll(/\s+/g, " ")
    .trim();

/** The tables of a page. A cell that is empty because the row above has the same value gets that value. */
function tablesOf(html: string): readonly Table[] {
  return [...html.matchAll(/<table[^>]*>(.*?)<\/table>/gs)].map(([, table = ""]) => {
    const cells = (row: string): readonly string[] =>
      [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell = ""]) => plainText(cell));
    const rows = [...table.matchAll(/<tr[^>]*>(.*?)<\/tr>/gs)].map(([, row = ""]) => cells(row));
    const hasHead = table.includes("<thead>");
    return {
      caption: plainText(/<caption[^>]*>(.*?)<\/caption>/s.exec(table)?.[1] ?? "").replace(/^Table \d+\. /, ""),
      head: hasHead ? (rows[0] ?? []) : [],
      rows: rows.slice(hasHead ? 1 : 0),
    };
  });
}

/** The rows of a sheet by the names in its second row. */
function sheetRows(book: Workbook, name: string): readonly Readonly<Record<string, unknown>>[] {
  const [, , head, ...rows] = (book.getWorksheet(name)?.getSheetValues() ?? []) as (unknown[] | undefined)[];
  const keys = [...(head ?? [])].map(String);
  // The lists of exceljs are sparse.
  return rows.map((row) => Object.fromEntries([...(row ?? [])].map((value, at) => [keys[at] ?? "", value])));
}

/** The values of the rows of `exp show`, by the heading of their table and the first cell. */
function blocksOf(show: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  let heading = "";
  let metric: string | undefined;
  for (const line of show.split("\n")) {
    const cells = line.trim().split(/ {2,}/);
    const [first = "", ...rest] = cells;
    if (first === "") metric = undefined;
    // Scores: the first row of a metric has its name, and each row has a view.
    if (first === "metric") metric = "";
    else if (metric !== undefined) {
      const row = line.startsWith(" ") ? cells : rest;
      if (row !== cells) metric = first;
      found.set(
        `${metric} ${row[0]}`,
        row.slice(1).map((cell) => cell.replace(/ \[.*\]$/, "")),
      );
      continue;
    }
    if (rest.length === 0 || first === "error category" || first === "cause of a wrong label") heading = first;
    if (rest.length > 0) found.set(`${heading} ${first}`, rest);
  }
  return found;
}

/** The column of an arm in a table of `exp show` whose heading is one line. */
function terminalColumn(show: string, heading: string, arm: string): number {
  const line = show.split("\n").find((one) => one.trim().startsWith(`${heading}  `)) ?? "";
  return line.trim().split(/ {2,}/).slice(1).indexOf(arm);
}

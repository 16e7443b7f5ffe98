import type { Family } from "../evaluation/statistics/compare.ts";
import type { RunComparison } from "../runs/compare.ts";
import type { Flip, RunDiff } from "../runs/diff.ts";
import { duration, gigabytes, plural } from "../util/format.ts";
import { styles } from "./styles.ts";
import { table } from "./table.ts";

type Screen = { readonly color: boolean };
type Range = { readonly low: number; readonly high: number };

const range = ({ low, high }: Range): string => `[${low.toFixed(3)}, ${high.toFixed(3)}]`;
const signed = (value: number): string => `${value < 0 ? "-" : "+"}${Math.abs(value).toFixed(3)}`;

/** "< .001", ".034": how papers print p values. */
export function pValue(p: number | null): string {
  if (p === null) return "-";
  return p < 0.001 ? "< .001" : p.toFixed(3).replace(/^0/, "");
}

/** "fine-tuned - zero-shot: micro_f1 +0.310 [0.250, 0.370], p < .001" as one line, corrected for its family. */
export function differenceText(
  { subject, metric, tests }: Family,
  against: string,
  difference: (Range & { readonly difference: number }) | undefined,
  adjusted: number,
  view: string,
): string {
  if (difference === undefined) return "";
  const p = adjusted < 0.001 ? "p < .001" : `p = ${pValue(adjusted)}`;
  const family = tests.length > 1 ? ` (Holm, ${tests.length} tests)` : "";
  return `${subject} - ${against}: ${metric} (${view}) ${signed(difference.difference)} ${range(difference)}, ${p}${family}\n`;
}

/** A comparison as text: metrics with intervals, pairs with their tests, the family, cost, and what a reader must know. */
export function comparisonText(
  { arms, pairs, family, n, view, primary, bootstrap, labels, runs, notes, test_looks }: RunComparison,
  { color }: Screen,
  definitions: Readonly<Record<string, { readonly definition: string }>>,
): string {
  const { bold, dim } = styles(color);
  const names = Object.keys(Object.values(arms)[0] ?? {});
  const scores = Object.entries(arms).map(([arm, metrics]) => [
    arm,
    ...names.map((name) => {
      const one = metrics[name];
      if (one === undefined) return "-";
      const spread = one.sd === undefined || one.sd === null ? "" : ` (sd ${one.sd.toFixed(3)})`;
      return `${one.value.toFixed(3)} ${range(one)}${spread}`;
    }),
  ]);
  const adjusted = new Map(family.tests.map(({ against, adjusted: p }) => [against, p]));
  const tests = pairs.map(({ a, b, metrics, exact_match }) => {
    const one = metrics[primary];
    return [
      `${a} - ${b}`,
      one === undefined ? "-" : `${signed(one.difference)} ${range(one)}`,
      pValue(one?.p_bootstrap ?? null),
      pValue(one?.p_randomisation ?? null),
      a === family.subject ? pValue(adjusted.get(b) ?? null) : "",
      exact_match === null ? "-" : `${exact_match.only_a} / ${exact_match.only_b}`,
      pValue(exact_match?.p ?? null),
    ];
  });
  const cost = runs.map(({ experiment, run, cost: { seconds, peak_memory, tokens } }) => [
    `${experiment}/${run}`,
    duration(seconds),
    gigabytes(peak_memory),
    ...[tokens.trained, tokens.prompted, tokens.generated].map((count) => count.toLocaleString("en")),
  ]);
  const looks =
    test_looks === null ? [] : [`The test file has been scored ${plural(test_looks, "time")} in this project.`];
  return [
    bold(`${n} cases, ${view} view, ${labels} labels in the shared space; 95 % intervals`),
    table([["", ...names], ...scores]),
    ...(pairs.length === 0
      ? []
      : [
          bold(`Differences in ${primary}, and cases that only one has exactly right`),
          table([["", "difference", "p bootstrap", "p randomisation", "p Holm", "only a / b", "p McNemar"], ...tests]),
        ]),
    bold("Cost"),
    table([["run", "seconds", "peak memory", "tokens trained", "read", "generated"], ...cost]),
    [
      ...names.map((name) => `${name}: ${definitions[name]?.definition ?? ""}`),
      `Intervals: BCa bootstrap over cases, ${bootstrap.resamples.toLocaleString("en")} samples, seed ${bootstrap.seed}. Tests are paired and two-sided.`,
      ...family.tests.slice(0, 1).map(() => familyLine(family)),
      ...looks,
      ...notes.map((note) => `Note: ${note}`),
    ]
      .map((line) => `${dim(line)}\n`)
      .join(""),
  ].join("\n");
}

function familyLine({ subject, metric, tests }: Family): string {
  return `p Holm: ${plural(tests.length, "test")} of ${subject} against each other one in ${metric}, corrected together.`;
}

/** More cases and files than this are counted and not listed; `--json` has all of them. */
const listed = 10;

/** Two runs as text: what differs, by where it comes from. */
export function diffText(diff: RunDiff, metrics: readonly string[], { color }: Screen): string {
  const { bold, dim } = styles(color);
  const value = (one: unknown): string => {
    const text = one === null ? "(none)" : typeof one === "string" ? one : JSON.stringify(one);
    return /^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text;
  };
  const parts: string[] = [`${dim("A")} ${diff.a}\n${dim("B")} ${diff.b}\n`];
  const section = (title: string, rows: readonly (readonly string[])[], all = rows.length): void => {
    if (all === 0) return;
    const more = all > rows.length ? `${dim(`and ${all - rows.length} more`)}\n` : "";
    parts.push(`${bold(title)}\n${table(rows)}${more}`);
  };
  for (const part of ["config", "data", "prompt", "recipe", "environment", "hardware"] as const) {
    section(
      part,
      diff[part].map(({ name, a, b }) => [`  ${name}`, value(a), "->", value(b)]),
    );
  }
  section(
    "files",
    diff.files.slice(0, listed).map(({ name, a, b }) => [`  ${name}`, value(a), "->", value(b)]),
    diff.files.length,
  );
  const shown = diff.metrics.filter(({ name }) => metrics.some((metric) => name.endsWith(` ${diff.view} ${metric}`)));
  section(
    `metrics (${diff.view} view)`,
    shown.map(({ name, a, b, difference }) => [
      `  ${name}`,
      ...[a, b].map((one) => (typeof one === "number" ? one.toFixed(3) : "-")),
      difference === null ? "" : signed(difference),
    ]),
  );
  for (const [arm, { cases, fixed, broken, changed }] of Object.entries(diff.cases)) {
    if (cases === 0) continue;
    const title = `${arm}: of ${cases} cases ${fixed.length} fixed, ${broken.length} broken, ${changed.length} wrong in another way`;
    const rows = (what: string, flips: readonly Flip[]): string[][] =>
      flips
        .slice(0, listed)
        .map(({ id, gold, a, b }) => [`  ${what}`, id, gold.join("; "), a.join("; "), b.join("; ")]);
    const flips = [...rows("fixed", fixed), ...rows("broken", broken), ...rows("other", changed)];
    if (flips.length === 0) parts.push(`${bold(title)}\n`);
    else section(title, [["  ", "id", "gold", "A", "B"], ...flips]);
  }
  if (parts.length === 1) parts.push("Nothing differs.\n");
  for (const note of diff.notes) parts.push(`${dim(`Note: ${note}`)}\n`);
  return parts.join("\n");
}

import { classicalBaselines } from "../plugins/classical-baselines.ts";
import type { MaybeBounds } from "../util/bounds.ts";
import { withInterval } from "../util/format.ts";
import { styles } from "./styles.ts";
import { table } from "./table.ts";

/** Metric name -> value, of one arm in one label view. */
type Metrics = Readonly<Record<string, number | null>>;

/** An interval, or the reason why a metric has none. */
type Ends = MaybeBounds & { readonly reason?: string };

/** The scores of all arms in the views of their task, and the output files by name. */
export type Scores = {
  /** Names of the metrics to show. */
  readonly metrics: readonly string[];
  /** The display name of an arm. */
  armName(arm: string): string;
  /** Arm -> view -> metric -> value. */
  readonly arms: Readonly<Record<string, Readonly<Record<string, Metrics>>>>;
  /** Arm -> view -> metric -> 95 % confidence interval. */
  readonly intervals?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Ends>>>>>>;
  /** "workbook" -> path */
  readonly files: Readonly<Record<string, string>>;
};

const armOrder = ["zero_shot", ...Object.keys(classicalBaselines), "tuned", "ensemble"];

/** A table of metrics and views by arm, followed by the output files. Ends with a line break. */
export function scoreTable(
  { metrics, arms, armName, files, intervals }: Scores,
  screen: { readonly color: boolean; readonly columns?: number },
): string {
  const columns = screen.columns ?? Number.POSITIVE_INFINITY;
  const fits = (text: string): boolean => text.split("\n").every((line) => line.length <= columns);
  const shown = [intervals, undefined];
  const forms = shown.flatMap((ends) =>
    (["long", "short"] as const).map((form) => scores({ metrics, arms, armName }, form, ends)),
  );
  const { head, rows } =
    forms.find(({ head, rows }) => fits(head) && fits(rows)) ??
    scores({ metrics, arms, armName }, "short", undefined, columns);
  const { dim, bold } = styles(screen.color);
  const width = Math.max(0, ...Object.keys(files).map((name) => name.length));
  // Paths are not truncated, so that they can be copied.
  const made = Object.entries(files).map(([name, path]) => `${dim(name.padEnd(width))}  ${path}\n`);
  const reasons = reasonLines({ metrics, arms, ...(intervals ? { intervals } : {}) });
  const bolded = head.split("\n").map((line) => (line === "" ? "\n" : `${bold(line)}\n`));
  const table = rows === "" ? [] : [`${bolded.join("")}${rows}${reasons.map((line) => `${dim(line)}\n`).join("")}`];
  return [...table, ...(made.length > 0 ? [made.join("")] : [])].join("\n");
}

/** The lines of a table of scores: head without the last line break, and rows. Both are empty without a score. */
type ScoreText = { readonly head: string; readonly rows: string };

/** The table of scores; "short" puts the views below the metric and breaks names, for narrow terminals. */
function scores(
  { metrics, arms, armName }: Pick<Scores, "metrics" | "arms" | "armName">,
  form: "long" | "short",
  intervals?: Scores["intervals"],
  columns = Number.POSITIVE_INFINITY,
): ScoreText {
  const names = Object.keys(arms).sort((a, b) => rank(a) - rank(b));
  const views = [...new Set(Object.values(arms).flatMap((own) => Object.keys(own)))];
  const rows = metrics
    .filter((metric) => views.some((view) => names.some((name) => arms[name]?.[view]?.[metric] !== undefined)))
    .flatMap((metric) => {
      const values = views.map((view) =>
        names.map((name) =>
          withInterval({ value: arms[name]?.[view]?.[metric] ?? null, ...intervals?.[name]?.[view]?.[metric] }),
        ),
      );
      if (form === "short") return [[metric], ...views.map((view, index) => [`  ${view}`, ...(values[index] ?? [])])];
      return views.map((view, index) => [index === 0 ? metric : "", view, ...(values[index] ?? [])]);
    });
  if (rows.length === 0) return { head: "", rows: "" };
  const labels = form === "long" ? ["metric", "view"] : ["metric"];
  const heads = names.map((name) => (form === "long" ? [armName(name)] : broken(armName(name))));
  const height = Math.max(...heads.map(({ length }) => length));
  const headRows = Array.from({ length: height }, (_, line) => [
    ...labels.map((label) => (line === height - 1 ? label : "")),
    // The last lines of the names are on one line.
    ...heads.map((lines) => lines[line - (height - lines.length)] ?? ""),
  ]);
  const lines = table([...headRows, ...rows], {
    align: [...labels.map(() => "left" as const), ...names.map(() => "right" as const)],
    names: [...labels, ...names.map(armName)],
    columns,
  }).split("\n");
  return { head: lines.slice(0, height).join("\n"), rows: lines.slice(height).join("\n") };
}

/** A line of a broken name has more characters than this only if it is one word. */
const shortLine = 9;

/** A name on several short lines: "Qwen3-8B," and "LoRA". */
function broken(name: string): readonly string[] {
  const lines: string[] = [];
  for (const word of name.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > shortLine) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** Why metrics have no value or no interval, one line for each metric and reason. */
function reasonLines({ metrics, arms, intervals }: Pick<Scores, "metrics" | "arms" | "intervals">): readonly string[] {
  const lines = Object.entries(arms).flatMap(([arm, byView]) =>
    Object.entries(byView).flatMap(([view, values]) =>
      metrics.flatMap((metric) => {
        const reason = intervals?.[arm]?.[view]?.[metric]?.reason;
        const what = values[metric] === null ? "value" : "interval";
        return reason === undefined ? [] : [`${metric} has no ${what}: ${reason}`];
      }),
    ),
  );
  return [...new Set(lines)];
}

function rank(arm: string): number {
  const place = armOrder.indexOf(arm);
  return place < 0 ? armOrder.indexOf("tuned") - 0.5 : place;
}

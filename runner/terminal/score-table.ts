import { classicalBaselines } from "../evaluation/baselines/names.ts";
import { armName } from "../reporting/report/display-names.ts";
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
  /** Arm -> view -> metric -> value. */
  readonly arms: Readonly<Record<string, Readonly<Record<string, Metrics>>>>;
  /** Arm -> view -> metric -> 95 % confidence interval. */
  readonly intervals?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Ends>>>>>>;
  /** "workbook" -> path */
  readonly files: Readonly<Record<string, string>>;
};

/** Arm names for narrow terminals. */
const shortArmNames: Readonly<Record<string, string>> = {
  zero_shot: "zero",
  ...Object.fromEntries(Object.entries(classicalBaselines).map(([arm, { shortName }]) => [arm, shortName])),
  tuned: "tuned",
};
const armOrder = ["zero_shot", ...Object.keys(classicalBaselines), "tuned", "ensemble"];

/** A table of metrics and views by arm, followed by the output files. Ends with a line break. */
export function scoreTable(
  { metrics, arms, files, intervals }: Scores,
  screen: { readonly color: boolean; readonly columns?: number },
): string {
  const columns = screen.columns ?? Number.POSITIVE_INFINITY;
  const fits = (text: string): boolean => text.split("\n").every((line) => line.length <= columns);
  const shown = [intervals, undefined];
  const forms = shown.flatMap((ends) => (["long", "short"] as const).map((form) => scores(metrics, arms, form, ends)));
  const [head = "", ...rest] = (forms.find(fits) ?? (forms.at(-1) as string)).split("\n");
  const { dim, bold } = styles(screen.color);
  const width = Math.max(0, ...Object.keys(files).map((name) => name.length));
  // Paths are not truncated, so that they can be copied.
  const made = Object.entries(files).map(([name, path]) => `${dim(name.padEnd(width))}  ${path}\n`);
  const reasons = withoutValue({ metrics, arms, ...(intervals ? { intervals } : {}) });
  const table =
    head === "" ? [] : [`${[bold(head), ...rest].join("\n")}${reasons.map((line) => `${dim(line)}\n`).join("")}`];
  return [...table, ...(made.length > 0 ? [made.join("")] : [])].join("\n");
}

/** The table of scores; "short" puts the views below the metric, for narrow terminals. */
function scores(
  metrics: readonly string[],
  arms: Scores["arms"],
  form: "long" | "short",
  intervals?: Scores["intervals"],
): string {
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
  if (rows.length === 0) return "";
  const labels = form === "long" ? ["metric", "view"] : ["metric"];
  const head = [...labels, ...names.map((name) => (form === "long" ? armName(name) : (shortArmNames[name] ?? name)))];
  return table([head, ...rows], {
    align: [...labels.map(() => "left" as const), ...names.map(() => "right" as const)],
  });
}

/** Why metrics have no value, one line for each metric and reason. */
function withoutValue({ metrics, arms, intervals }: Pick<Scores, "metrics" | "arms" | "intervals">): readonly string[] {
  const lines = Object.entries(arms).flatMap(([arm, byView]) =>
    Object.entries(byView).flatMap(([view, values]) =>
      metrics.flatMap((metric) => {
        const reason = values[metric] === null ? intervals?.[arm]?.[view]?.[metric]?.reason : undefined;
        return reason === undefined ? [] : [`${metric} has no value: ${reason}`];
      }),
    ),
  );
  return [...new Set(lines)];
}

function rank(arm: string): number {
  const place = armOrder.indexOf(arm);
  return place < 0 ? armOrder.indexOf("tuned") - 0.5 : place;
}

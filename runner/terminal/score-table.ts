import { styles } from "./styles.ts";
import { table } from "./table.ts";

/** Metric name -> value, of one arm in one label view. */
type Metrics = Readonly<Record<string, number>>;

type Ends = { readonly low: number; readonly high: number };

/** What a run ends with: metrics of each arm in the three label views, and the files made, by what they are. */
export type Summary = {
  readonly arms: Readonly<
    Record<string, { readonly raw: Metrics; readonly basic: Metrics; readonly canonical: Metrics }>
  >;
  /** Arm -> view -> metric -> its 95 % interval, where it has one. */
  readonly intervals?: Readonly<
    Record<string, Readonly<Record<(typeof views)[number], Readonly<Record<string, Ends>>>>>
  >;
  /** "workbook" -> path */
  readonly files: Readonly<Record<string, string>>;
};

const armNames: Readonly<Record<string, { readonly long: string; readonly short: string }>> = {
  zero_shot: { long: "zero-shot", short: "zero" },
  tfidf_svm: { long: "TF-IDF + SVM", short: "TF-IDF" },
  most_frequent: { long: "most frequent", short: "common" },
  tuned: { long: "fine-tuned", short: "tuned" },
};
const armOrder = ["zero_shot", "most_frequent", "nearest", "tfidf_svm", "tuned", "ensemble"];
const metricsShown = ["micro_f1", "macro_f1", "samples_f1", "exact_match", "jaccard_samples"];
const views = ["raw", "basic", "canonical"] as const;

/** The table that ends a run, metric by view against arm, and the paths of what was made. Ends with a line break. */
export function summary(
  { arms, files, intervals }: Summary,
  screen: { readonly color: boolean; readonly columns?: number },
): string {
  const columns = screen.columns ?? Number.POSITIVE_INFINITY;
  const fits = (text: string): boolean => text.split("\n").every((line) => line.length <= columns);
  const shown = [intervals, undefined];
  const forms = shown.flatMap((ends) => (["long", "short"] as const).map((form) => scores(arms, form, ends)));
  const [head = "", ...rest] = (forms.find(fits) ?? (forms.at(-1) as string)).split("\n");
  const { dim, bold } = styles(screen.color);
  const width = Math.max(0, ...Object.keys(files).map((name) => name.length));
  // Paths are never cut: they are there to be copied.
  const made = Object.entries(files).map(([name, path]) => `${dim(name.padEnd(width))}  ${path}\n`);
  const table = head === "" ? [] : [[bold(head), ...rest].join("\n")];
  return [...table, ...(made.length > 0 ? [made.join("")] : [])].join("\n");
}

/** Metrics in the order of a paper; "short" puts the views below the metric's name, for narrow terminals. */
function scores(arms: Summary["arms"], form: "long" | "short", intervals?: Summary["intervals"]): string {
  const names = Object.keys(arms).sort((a, b) => rank(a) - rank(b));
  const rows = metricsShown
    .filter((metric) => names.some((name) => arms[name]?.raw[metric] !== undefined))
    .flatMap((metric) => {
      const values = views.map((view) =>
        names.map((name) => number(arms[name]?.[view][metric], intervals?.[name]?.[view]?.[metric])),
      );
      if (form === "short") return [[metric], ...views.map((view, index) => [`  ${view}`, ...(values[index] ?? [])])];
      return views.map((view, index) => [index === 0 ? metric : "", view, ...(values[index] ?? [])]);
    });
  if (rows.length === 0) return "";
  const labels = form === "long" ? ["metric", "view"] : ["metric"];
  const head = [...labels, ...names.map((name) => armNames[name]?.[form] ?? name)];
  return table([head, ...rows], {
    align: [...labels.map(() => "left" as const), ...names.map(() => "right" as const)],
  });
}

function rank(arm: string): number {
  const place = armOrder.indexOf(arm);
  return place < 0 ? armOrder.indexOf("tuned") - 0.5 : place;
}

function number(value: number | undefined, ends: Ends | undefined): string {
  if (value === undefined) return "-";
  return ends === undefined
    ? value.toFixed(3)
    : `${value.toFixed(3)} [${ends.low.toFixed(3)}, ${ends.high.toFixed(3)}]`;
}

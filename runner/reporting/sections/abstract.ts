import { type Ablation, type AblationRow, distinctSweeps } from "../../runs/ablation.ts";
import { replayedArms, trainedHere } from "../../runs/replayed-arms.ts";
import { integer, pEquals, plural, score, signedInterval, withInterval } from "../../util/format.ts";
import { shortKeys, valueText } from "../report/ablation.ts";
import { differenceOf } from "../report/arm-differences.ts";
import { armNamingOf, metricName, primaryArm } from "../report/display-names.ts";
import type { Span } from "../report/document.ts";
import { resultRuns } from "../report/run-names.ts";
import { scoredCases } from "../report/scored-cases.ts";
import type { RunFacts, Study } from "../report/study.ts";
import { trainingName, trainingTime } from "../report/trainings.ts";
import { errorFindings } from "./error-analysis.ts";

/** One paragraph per run: method, score with its interval, and the tests against the other arms. */
export function abstract({ runs }: Study): readonly (readonly Span[])[] {
  const reported = resultRuns(runs);
  const sweeps = distinctSweeps(reported).filter(({ ablation }) => ablation?.chosen === undefined);
  if (reported.length > mostRuns && sweeps.length > 0 && reported.every(({ ablation }) => ablation !== undefined))
    return sweeps.flatMap(({ ablation }) => (ablation === undefined ? [] : [sweepParagraph(ablation)]));
  const hidden = reported.length - mostRuns;
  return [
    ...reported.slice(0, mostRuns).map((run) => runParagraph(run, reported.length > 1 || run.coordinates !== "")),
    ...(hidden > 0 ? [[{ ref: "results" }, ` reports ${integer(hidden)} further runs.`]] : []),
  ];
}

/** A sweep without a selection: its highest and its lowest score. */
function sweepParagraph({ experiment, metric, view, rows, keys, settings }: Ablation): readonly Span[] {
  const ranked = settings
    .filter(({ value }) => value !== null)
    .sort((a, b) => (b.value as number) - (a.value as number));
  const [highest, lowest] = [ranked[0], ranked.at(-1)];
  const names = shortKeys(keys);
  const text = (row: AblationRow): string => {
    const of = keys.map((key, at) => `${names[at]} ${valueText(row.values[key])}`).join(", ");
    const spread = row.runs > 1 ? ` (mean of ${integer(row.runs)} seeds, standard deviation ${score(row.sd)})` : "";
    return `${withInterval({ value: row.value, ...row.interval })}${spread}${of === "" ? "" : ` with ${of}`}`;
  };
  const runs = settings.reduce((sum, row) => sum + row.runs, 0);
  return [
    { strong: `${experiment}. ` },
    `The sweep has ${plural(settings.length, "setting")} and ${plural(runs, "run")}. `,
    ...(highest === undefined || lowest === undefined
      ? []
      : [
          `${metricName(metric)} (${view} view, ${rows} split) is ${highest.value === lowest.value ? text(highest) : `between ${text(lowest)} and ${text(highest)}`}. `,
        ]),
    "No setting was selected, so the highest score is not an estimate of the score on other cases.",
  ];
}

/** The maximum number of runs that the abstract describes in a paragraph each. */
const mostRuns = 3;

function runParagraph(run: RunFacts, isNamed: boolean): readonly Span[] {
  const { primary, split } = run.config.evaluate;
  const { metric, view } = primary;
  const measured = run.comparison?.arms[primaryArm(run)]?.[metric];
  const value =
    measured === undefined
      ? score(run.arms.find(({ name }) => name === primaryArm(run))?.views[view]?.[metric])
      : withInterval(measured);
  const cases = scoredCases(run);
  const conditions = measured === undefined ? `${view} view` : `${view} view; 95 % confidence interval over cases`;
  return [
    ...(isNamed ? [{ strong: `${run.name}. ` }] : []),
    ...verdict(run),
    ...selection(run),
    `${modelDescription(run)} ${metricName(metric)} ${value}${cases === undefined ? "" : ` on ${integer(cases)} ${split} cases`} (${conditions}). `,
    ...gain(run),
    ...otherArms(run),
    ...leadingFinding(run),
  ];
}

/** The finding on errors with the largest effect, else the most frequent cause. */
function leadingFinding(run: RunFacts): readonly Span[] {
  const [causes, effect] = errorFindings(run);
  const text = effect ?? causes;
  return text === undefined ? [] : [` ${text}`];
}

function selection({ ablation }: RunFacts): readonly Span[] {
  if (ablation?.chosen === undefined) return [];
  return [
    `The setting was selected from ${integer(ablation.settings.length)} settings on the ${ablation.rows} split. `,
  ];
}

/** The subject and verb of the sentence on the primary score. */
function modelDescription(run: RunFacts): string {
  const base = run.model?.base ?? run.config.model.base;
  const rows = run.audit?.splits.train?.rows;
  const method =
    run.config.train === undefined
      ? "without fine-tuning"
      : `fine-tuned with ${trainingName(run)}${rows === undefined ? "" : ` on ${integer(rows)} training rows`}`;
  if (replayedArms(run).some(({ arm }) => arm === primaryArm(run)))
    return `Replayed predictions, declared as those of ${base} ${method}, reach`;
  return `${base}, ${method}${trainedHere(run) ? ` in ${trainingTime(run.steps.train)}` : ""}, reaches`;
}

/** The difference between the fine-tuned model and the same model without fine-tuning. */
function gain({ comparison }: RunFacts): readonly Span[] {
  if (comparison?.family.subject !== "tuned") return [];
  const { metric, tests } = comparison.family;
  const zeroShot = comparison.arms.zero_shot?.[metric];
  const found = differenceOf(comparison, "tuned", "zero_shot", metric);
  const adjusted = tests.find(({ against }) => against === "zero_shot")?.adjusted;
  if (zeroShot === undefined || found === undefined || adjusted === undefined) return [];
  return [
    `The zero-shot model, with its own prompt, reaches ${withInterval(zeroShot)}; the difference is `,
    { strong: signedInterval(found) },
    ` (${pEquals(adjusted)}). `,
  ];
}

/** The first sentence if the fine-tuned model is not significantly better than another arm of the run. */
export function verdict(run: RunFacts): readonly Span[] {
  const { metric } = run.config.evaluate.primary;
  const { comparison } = run;
  if (comparison === undefined || run.config.train === undefined) return [];
  const value = (arm: string): number => comparison.arms[arm]?.[metric]?.value ?? 0;
  // An ensemble contains the fine-tuned model.
  const rivals = comparison.family.tests.filter(({ against }) => !against.includes(".") && against !== "ensemble");
  const unbeaten = rivals.filter(({ against, adjusted }) => !(value("tuned") > value(against) && adjusted < 0.05));
  if (unbeaten.length === 0) return [];
  const names = unbeaten.map(({ against }) => `“${armNamingOf(run)(against)}”`);
  const arms =
    names.length < 2 ? `the arm ${names[0]}` : `the arms ${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  return [{ strong: `The fine-tuned model is not significantly better than ${arms}. ` }];
}

function otherArms(run: RunFacts): readonly Span[] {
  const { comparison } = run;
  if (comparison === undefined) return [];
  const armName = armNamingOf(run);
  const { metric, subject, tests } = comparison.family;
  const others = tests.filter(({ against }) => !(subject === "tuned" && against === "zero_shot"));
  const scores = others.map(
    ({ against, adjusted }) =>
      `${armName(against)} ${withInterval(comparison.arms[against]?.[metric])} (${pEquals(adjusted)})`,
  );
  return [
    ...(others.length === 0 ? [] : [`The other arms, with the p-value of their difference: ${scores.join("; ")}. `]),
    ...(tests.length > 1 ? ["p-values are adjusted with Holm's method."] : []),
  ];
}

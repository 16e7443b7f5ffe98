import type { View } from "../../data/labels/views.ts";
import { compareParts } from "../../evaluation/compare-parts.ts";
import type { Failure } from "../../evaluation/error-analysis/analyse.ts";
import type { CaseAnswer } from "../../evaluation/statistics/comparison.ts";
import { scoresOf } from "../../evaluation/statistics/packed.ts";
import type { Metric } from "../../plugins/metrics/metric.ts";
import type { Registry } from "../../plugins/registry.ts";
import type { StepContext } from "../../plugins/step.ts";
import type { OpenTask, Task } from "../../plugins/tasks/task.ts";
import { verdictOf, type WorkbookCaseRow } from "../../reporting/render/xlsx/by-case-sheet.ts";
import { type Measurement, measuredIn, type WorkbookCase } from "../../reporting/render/xlsx/case-sheet.ts";
import type { WorkbookConfusions } from "../../reporting/render/xlsx/confusion-sheets.ts";
import type { WorkbookFailures } from "../../reporting/render/xlsx/failure-sheet.ts";
import { labelSeparator } from "../../reporting/render/xlsx/sheet.ts";
import { readResult } from "../result-files.ts";
import { readPredictions } from "./answer.ts";
import type { Arm } from "./arms.ts";
import type { DataRow } from "./data.ts";
import { readJsonLines } from "./jsonl.ts";

/** Each case with the answers of all arms. Of a prediction, only what the sheet shows is kept in memory. */
export function* caseRowsOf(
  arms: readonly Arm[],
  view: View,
  { task, open }: { readonly task: Task; readonly open: OpenTask },
  context: StepContext,
): Generator<WorkbookCaseRow> {
  const { predictionKey, views } = task;
  const written = views[0] as View;
  const golds = new Map<string, readonly string[]>();
  const answers = arms.map((arm) => {
    const own = new Map<string, WorkbookCaseRow["answers"][number]>();
    for (const { id, gold, prediction, parsed } of readPredictions(
      context.input(`predictions.${arm}`),
      predictionKey,
    )) {
      if (!golds.has(id)) golds.set(id, open.parts(gold, written));
      const compared = compareParts(open.parts(gold, view), open.parts(prediction, view, gold), parsed);
      const answer = open.parts(prediction, written).join(labelSeparator);
      own.set(id, { answer, verdict: verdictOf({ parsed, ...compared }, task.labels !== undefined) });
    }
    return own;
  });
  for (const { id, input } of readJsonLines<DataRow>(context.input("rows"))) {
    const gold = golds.get(id);
    if (gold !== undefined) yield { id, input, gold, answers: answers.map((own) => own.get(id) ?? null) };
  }
}

/** Each answer of each arm, with its comparison with gold. */
export function* casesOf(
  arms: readonly Arm[],
  { metric, view }: { readonly metric: string; readonly view: View },
  {
    task,
    metrics,
    open,
    nameOf,
  }: {
    readonly task: Task;
    readonly metrics: Registry<Metric>;
    readonly open: OpenTask;
    nameOf(arm: Arm): string;
  },
  context: StepContext,
): Generator<WorkbookCase> {
  const { predictionKey, views } = task;
  const written = views[0] as View;
  const failures = failuresByCase(context);
  const primary = ({ gold, ...answer }: CaseAnswer): number | undefined =>
    scoresOf(open.scorer([{ ...answer, target: gold }])(view), [metrics.get(metric)])[metric] ?? undefined;
  for (const arm of arms) {
    for (const one of readPredictions(context.input(`predictions.${arm}`), predictionKey)) {
      const { id, gold, prediction } = one;
      yield {
        ...one,
        arm: nameOf(arm),
        gold: open.parts(gold, written),
        prediction: open.parts(prediction, written),
        ...compareParts(open.parts(gold, view), open.parts(prediction, view, gold), one.parsed),
        ...(task.labels === undefined ? { primary: primary(one) } : {}),
        categories: failures.get(`${arm}\0${id}`)?.categories ?? [],
        causes: causeTexts(failures.get(`${arm}\0${id}`)),
      };
    }
  }
}

/** What the engines measured of some responses. */
export const measuredOf = (
  arms: readonly Arm[],
  { predictionKey }: Pick<Task, "predictionKey">,
  context: StepContext,
): ReadonlySet<Measurement> =>
  measuredIn(arms.flatMap((arm) => readPredictions(context.input(`predictions.${arm}`), predictionKey)));

/** The wrong answers by arm and case. */
const failuresByCase = (context: StepContext): ReadonlyMap<string, Failure> =>
  new Map(
    readJsonLines<Failure>(context.input("failures")).map((failure) => [`${failure.arm}\0${failure.id}`, failure]),
  );

/** The causes of each wrong label or value of a case: "renal cyst: negated"; of a wrong answer: "too short". */
function causeTexts(failure: Failure | undefined): readonly string[] {
  return (failure?.causes ?? []).map(
    ({ label, causes }) => `${label === "" ? "" : `${label}: `}${causes.join(", ") || "none"}`,
  );
}

/** The error categories and causes of each arm with counts and examples. */
export function failuresOf(
  arms: readonly Arm[],
  nameOf: (arm: Arm) => string,
  context: StepContext,
): readonly WorkbookFailures[] {
  const analysis = readResult("analysis.json", context.input("analysis"));
  const failures = failuresByCase(context);
  return arms.flatMap((arm) => {
    const own = analysis.arms[arm];
    if (own === undefined) return [];
    const categories = own.categories.map((category) => ({
      ...category,
      examples: category.examples.map((one) => ({ ...one, causes: causeTexts(failures.get(`${arm}\0${one.id}`)) })),
    }));
    return [
      {
        arm: nameOf(arm),
        wrong: own.wrong,
        categories,
        ...(own.causes ? { unit: own.causes.unit ?? "label", causes: own.causes.counts } : {}),
      },
    ];
  });
}

/** Labels in place of others; nothing for a task with one label a case, which has a confusion matrix. */
export function confusionsOf(
  arms: readonly Arm[],
  nameOf: (arm: Arm) => string,
  context: StepContext,
): readonly WorkbookConfusions[] {
  const analysis = readResult("analysis.json", context.input("analysis"));
  return arms.flatMap((arm) => {
    const hasMatrix = readResult("metrics.json", context.input(`metrics.${arm}`)).classes != null;
    const pairs = analysis.arms[arm]?.confusions.pairs;
    return pairs === undefined || hasMatrix ? [] : [{ arm: nameOf(arm), pairs }];
  });
}

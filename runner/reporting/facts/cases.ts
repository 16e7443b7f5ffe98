import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { View } from "../../data/labels/views.ts";
import { compareParts } from "../../evaluation/compare-parts.ts";
import type { Analysis, Failure } from "../../evaluation/error-analysis/analyse.ts";
import { errorsIn } from "../../evaluation/error-analysis/cause-counts.ts";
import { stepOfArm } from "../../pipeline/plan/step-ref.ts";
import { type ScoredResponse, withPrediction } from "../../pipeline/steps/answer.ts";
import type { DataRow } from "../../pipeline/steps/data.ts";
import { readJsonLines } from "../../pipeline/steps/jsonl.ts";
import { taskOf } from "../../pipeline/steps/task.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { fileGone } from "../../runs/run-outputs.ts";
import { runTask } from "../../runs/run-task.ts";
import type { Case, CaseAnswer, Cases } from "../report/cases.ts";
import { armNaming } from "../report/display-names.ts";

/** One arm of a run in the case explorer. */
type Column = {
  readonly name: string;
  readonly run: FinishedRun;
  readonly arm: string;
};

/** The evaluated cases of finished runs with the predictions of all arms. Identical arms of several runs are one arm. */
export async function casesOf(
  runs: readonly FinishedRun[],
  analysed: readonly { readonly analysis?: Analysis }[],
  root: string,
): Promise<Cases> {
  const notes: string[] = [];
  const columns = columnsOf(runs);
  const views = new Map<FinishedRun, DisplayedView>();
  for (const run of runs) views.set(run, await displayedView(run, root, notes));
  const categories = categoriesOf(analysed.map(({ analysis }) => analysis));
  const position = new Map(categories.map(({ name }, index) => [name, index]));
  const cases = new Map<string, Case & { readonly answers: (CaseAnswer | null)[] }>();
  for (const run of runs) {
    const { view, parts } = views.get(run) as DisplayedView;
    const { predictionKey } = taskOf(run.manifest.config);
    const inputs = new Map(rowsOf(run).map(({ id, input }) => [id, input]));
    const failures = failuresOf(run);
    for (const [index, column] of columns.entries()) {
      if (column.run !== run) continue;
      for (const line of linesOf<ScoredResponse>(run, `${column.arm}/predictions.jsonl`)) {
        const { id, gold, text, prediction } = withPrediction(line, predictionKey);
        const input = inputs.get(id) ?? "";
        const key = JSON.stringify([id, input, gold, view]);
        const one = cases.get(key) ?? { id, input, gold: parts(gold), answers: columns.map(() => null) };
        cases.set(key, one);
        const { omitted, added } = compareParts(one.gold, parts(prediction, gold));
        const missed = new Set(omitted);
        one.answers[index] = {
          right: one.gold.filter((label) => !missed.has(label)),
          missed: omitted,
          added,
          categories: categoryNames(failures.get(`${column.arm} ${id}`)).flatMap((name) => position.get(name) ?? []),
          ...(text === undefined ? {} : { text }),
        };
      }
    }
  }
  return {
    view: [...new Set([...views.values()].map(({ view }) => view))].join(", "),
    hasLabels: runs.some(({ manifest }) => taskOf(manifest.config).labels !== undefined),
    arms: columns.map(({ name }) => name),
    categories,
    cases: [...cases.values()],
    notes,
  };
}

type DisplayedView = { readonly view: View; parts(value: unknown, gold?: unknown): readonly string[] };

/** The primary view, or the basic view if the synonyms of a run in the canonical view are no longer available. */
async function displayedView(run: FinishedRun, root: string, notes: string[]): Promise<DisplayedView> {
  const { view } = run.manifest.config.evaluate.primary;
  const { open, state } = await runTask(run, root);
  if (view !== "canonical" || state === "none" || state === "same")
    return { view, parts: (value, gold) => open.parts(value, view, gold) };
  notes.push(
    `${run.manifest.experiment}: the synonym file ${state === "gone" ? "no longer exists" : "has changed since the run"}, so labels are shown in the basic view. Error categories are those of the run.`,
  );
  return { view: "basic", parts: (value, gold) => open.parts(value, "basic", gold) };
}

/** The arms of all runs. Arms with identical predictions are merged; arms with the same name are named with their run. */
function columnsOf(runs: readonly FinishedRun[]): readonly Column[] {
  const found = new Map<string, Column & { readonly qualified: string }>();
  for (const run of runs) {
    const named = namesOf(run);
    for (const arm of Object.keys(run.manifest.arms)) {
      const key = answersKey(run, arm);
      const name = named(arm);
      if (!found.has(key)) found.set(key, { name, qualified: qualifiedName(run, name, runs), run, arm });
    }
  }
  const all = [...found.values()];
  return all.map(({ qualified, ...column }) => ({
    ...column,
    name: all.filter(({ name }) => name === column.name).length > 1 ? qualified : column.name,
  }));
}

const answersKey = (run: FinishedRun, arm: string): string =>
  `${arm} ${run.manifest.steps[stepOfArm("evaluate", arm)]?.files["predictions.jsonl"]?.sha256 ?? `${run.path} ${arm}`}`;

/** The name of a run's arm among the arms of `casesOf`. */
export function caseArmName(runs: readonly FinishedRun[], run: FinishedRun, arm: string): string | undefined {
  const key = answersKey(run, arm);
  return columnsOf(runs).find((column) => answersKey(column.run, column.arm) === key)?.name;
}

/** The name of an arm with its experiment and, if necessary, its run. */
function qualifiedName({ manifest }: FinishedRun, name: string, runs: readonly FinishedRun[]): string {
  const { experiment, run, coordinates } = manifest;
  const isOnlyRun = runs.filter((other) => other.manifest.experiment === experiment).length === 1;
  const suffix = isOnlyRun ? "" : ` ${coordinates === "" ? run : coordinates}`;
  return `${experiment}${suffix}, ${name}`;
}

const namesOf = ({ manifest }: FinishedRun) => armNaming({ ...manifest, arms: Object.keys(manifest.arms) });

function categoriesOf(analyses: readonly (Analysis | undefined)[]): Cases["categories"] {
  const found = new Map<string, string>();
  for (const analysis of analyses) {
    const arms = Object.values(analysis?.arms ?? {});
    for (const { categories } of arms) for (const { name, definition } of categories) found.set(name, definition);
  }
  for (const analysis of analyses) {
    for (const { causes } of Object.values(analysis?.arms ?? {})) {
      for (const count of causes?.counts ?? [])
        if (count.name !== "none" && errorsIn(count) > 0) found.set(causeName(count.name), count.definition);
    }
  }
  return [...found].map(([name, definition]) => ({ name, definition }));
}

/** Causes follow the categories in the list by which cases are filtered. */
const causeName = (cause: string): string => `cause: ${cause}`;

/** The categories of an erroneous prediction, and the causes of its wrong labels. */
function categoryNames(failure: Failure | undefined): readonly string[] {
  const causes = (failure?.causes ?? []).flatMap((one) => one.causes.map(causeName));
  return [...(failure?.categories ?? []), ...new Set(causes)];
}

function rowsOf(run: FinishedRun): readonly DataRow[] {
  return linesOf<DataRow>(run, `data/${run.manifest.config.evaluate.split}.jsonl`);
}

/** The erroneous predictions of a run by arm and case; empty if the run has no error analysis. */
function failuresOf(run: FinishedRun): ReadonlyMap<string, Failure> {
  if (!existsSync(join(dirname(run.path), "failures.jsonl"))) return new Map();
  return new Map(linesOf<Failure>(run, "failures.jsonl").map((one) => [`${one.arm} ${one.id}`, one]));
}

function linesOf<T>(run: FinishedRun, file: string): readonly T[] {
  const path = join(dirname(run.path), file);
  if (!existsSync(path)) throw fileGone(`${path} does not exist`);
  return readJsonLines<T>(path);
}

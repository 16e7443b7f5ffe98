import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { View } from "../../data/labels/views.ts";
import { compareParts } from "../../evaluation/compare-parts.ts";
import type { Analysis, Failure } from "../../evaluation/error-analysis/analyse.ts";
import { stepOfArm } from "../../pipeline/plan/step-ref.ts";
import { type ScoredResponse, withPrediction } from "../../pipeline/steps/answer.ts";
import type { DataRow } from "../../pipeline/steps/data.ts";
import { readJsonLines } from "../../pipeline/steps/jsonl.ts";
import { taskOf } from "../../pipeline/steps/task.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { fileGone } from "../../runs/run-outputs.ts";
import { runTask } from "../../runs/run-task.ts";
import type { Case, CaseAnswer, Cases } from "../report/cases.ts";
import { armName } from "../report/display-names.ts";

/** One arm's answers and how they are shown. */
type Column = {
  readonly word: string;
  readonly run: FinishedRun;
  readonly arm: string;
};

/** Every scored case of some finished runs with the answers of all their arms; answers that runs share stand there once. */
export function casesOf(
  runs: readonly FinishedRun[],
  analysed: readonly { readonly analysis?: Analysis }[],
  root: string,
): Cases {
  const notes: string[] = [];
  const columns = columnsOf(runs);
  const views = new Map(runs.map((run) => [run, shownView(run, root, notes)]));
  const categories = categoriesOf(analysed.map(({ analysis }) => analysis));
  const position = new Map(categories.map(({ name }, index) => [name, index]));
  const cases = new Map<string, Case & { readonly answers: (CaseAnswer | null)[] }>();
  for (const run of runs) {
    const { view, parts } = views.get(run) as Shown;
    const { predictionKey } = taskOf(run.manifest.config);
    const inputs = new Map(rowsOf(run).map(({ id, input }) => [id, input]));
    const wrong = failuresOf(run);
    for (const [index, column] of columns.entries()) {
      if (column.run !== run) continue;
      for (const line of linesOf<ScoredResponse>(run, `${column.arm}/predictions.jsonl`)) {
        const { id, gold, text, prediction } = withPrediction(line, predictionKey);
        const input = inputs.get(id) ?? "";
        const key = JSON.stringify([id, input, gold, view]);
        const one = cases.get(key) ?? { id, input, gold: parts(gold), answers: columns.map(() => null) };
        cases.set(key, one);
        const { omitted, added } = compareParts(one.gold, parts(prediction));
        const missed = new Set(omitted);
        one.answers[index] = {
          right: one.gold.filter((label) => !missed.has(label)),
          missed: omitted,
          added,
          categories: (wrong.get(`${column.arm} ${id}`)?.categories ?? []).flatMap((name) => position.get(name) ?? []),
          ...(text === undefined ? {} : { text }),
        };
      }
    }
  }
  return {
    view: [...new Set([...views.values()].map(({ view }) => view))].join(", "),
    arms: columns.map(({ word }) => word),
    categories,
    cases: [...cases.values()],
    notes,
  };
}

type Shown = { readonly view: View; parts(value: unknown): readonly string[] };

/** The primary view; the basic one where the synonyms that it was judged with are not there any more. */
function shownView(run: FinishedRun, root: string, notes: string[]): Shown {
  const { view } = run.manifest.config.evaluate.primary;
  const { open, state } = runTask(run, root);
  if (view !== "canonical" || state === "none" || state === "same")
    return { view, parts: (value) => open.parts(value, view) };
  notes.push(
    `${run.manifest.experiment}: the synonyms are ${state === "gone" ? "gone" : "not those of the run any more"}, so labels are shown in the basic view. Categories are those of the run.`,
  );
  return { view: "basic", parts: (value) => open.parts(value, "basic") };
}

/** Arms of all runs. One that several runs share, byte by byte, stands there once; the run is named where arms differ. */
function columnsOf(runs: readonly FinishedRun[]): readonly Column[] {
  const found = new Map<string, Column & { readonly own: string }>();
  for (const run of runs) {
    for (const arm of Object.keys(run.manifest.arms)) {
      const digest =
        run.manifest.steps[stepOfArm("evaluate", arm)]?.files["predictions.jsonl"]?.sha256 ?? `${run.path} ${arm}`;
      const key = `${arm} ${digest}`;
      if (!found.has(key)) found.set(key, { word: armName(arm), own: ownWord(run, arm, runs), run, arm });
    }
  }
  const all = [...found.values()];
  return all.map(({ own, ...column }) => ({
    ...column,
    word: all.filter(({ word }) => word === column.word).length > 1 ? own : column.word,
  }));
}

/** An arm with what sets its run apart from the others. */
function ownWord({ manifest }: FinishedRun, arm: string, runs: readonly FinishedRun[]): string {
  const { experiment, run, coordinates } = manifest;
  const alone = runs.filter((other) => other.manifest.experiment === experiment).length === 1;
  const which = alone ? "" : ` ${coordinates === "" ? run : coordinates}`;
  return `${experiment}${which}, ${armName(arm)}`;
}

function categoriesOf(analyses: readonly (Analysis | undefined)[]): Cases["categories"] {
  const found = new Map<string, string>();
  for (const analysis of analyses) {
    for (const { categories } of Object.values(analysis?.arms ?? {})) {
      for (const { name, definition } of categories) found.set(name, definition);
    }
  }
  return [...found].map(([name, definition]) => ({ name, definition }));
}

function rowsOf(run: FinishedRun): readonly DataRow[] {
  return linesOf<DataRow>(run, `data/${run.manifest.config.evaluate.split}.jsonl`);
}

/** Categories of wrong answers; none where a run was not analysed. */
function failuresOf(run: FinishedRun): ReadonlyMap<string, Failure> {
  if (!existsSync(join(dirname(run.path), "failures.jsonl"))) return new Map();
  return new Map(linesOf<Failure>(run, "failures.jsonl").map((one) => [`${one.arm} ${one.id}`, one]));
}

function linesOf<T>(run: FinishedRun, file: string): readonly T[] {
  const path = join(dirname(run.path), file);
  if (!existsSync(path)) throw fileGone(`${path} is gone`);
  return readJsonLines<T>(path);
}

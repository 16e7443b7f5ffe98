import { smokeWarning } from "../../config/smoke.ts";
import { partText, testPart } from "../../plugins/data-part.ts";
import { trainedHere } from "../../runs/replayed-arms.ts";
import { integer, plural, signedInterval } from "../../util/format.ts";
import { metricName } from "../report/display-names.ts";
import { type Block, heading, paragraph } from "../report/document.ts";
import { replayLimits } from "../report/replayed-arms.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** Limitations of the runs, and the number of evaluations of the test file. */
export function limitations({ runs }: Study): readonly Block[] {
  const items = limitationsOf(runs);
  return [
    heading(1, "Limitations"),
    ...(items.length === 0 ? [] : [{ type: "list" as const, items: items.map((item) => [item]) }]),
    heading(2, "Test evaluations"),
    paragraph(
      "Each run that is scored on test cases, and each predictions file that is scored with their gold, is recorded as one evaluation. Repeated evaluation reduces the value of the cases as unseen data. ",
      evaluationCounts(runs),
    ),
  ];
}

function evaluationCounts(runs: readonly RunFacts[]): string {
  const counts = new Map(
    runs.flatMap(({ testEvaluations, config }) =>
      testEvaluations === null ? [] : [[partText(testPart(config.data)) ?? "the test rows", testEvaluations] as const],
    ),
  );
  if (counts.size === 0) return "No test evaluation is recorded.";
  const list = [...counts].map(([file, count]) => `${plural(count, "evaluation")} of ${file}`).join(", ");
  return `Recorded at the time of this report: ${list}.`;
}

/** The limitations of runs, each with the names of the runs that it applies to. */
export function limitationsOf(runs: readonly RunFacts[]): readonly string[] {
  const matching = (matches: (run: RunFacts) => boolean, one: string, many: string): readonly string[] => {
    const names = runs.filter(matches).map(({ name }) => name);
    const [first] = names;
    if (first === undefined) return [];
    return [names.length === 1 ? `${first} ${one}` : `${nameList(names, runs.length)} ${many}`];
  };
  return [
    ...new Set(runs.filter((run) => run.smoke).map(({ experiment }) => smokeWarning(experiment))),
    ...replayLimits(runs),
    ...matching(
      ({ config }) => config.evaluate.split === "validation",
      "is evaluated on the validation split, which may have been used to select its settings.",
      "are evaluated on the validation split, which may have been used to select their settings.",
    ),
    ...matching(
      (run) => trainedHere(run) && run.config.data.validation === undefined,
      "has no validation split: its settings were not selected on held-out rows.",
      "have no validation split: their settings were not selected on held-out rows.",
    ),
    ...matching(
      trainedHere,
      "was trained with one seed: intervals and tests compare this trained model and not its method, because they do not contain the variance between seeds.",
      "were trained with one seed each: intervals and tests compare these trained models and not their methods, because they do not contain the variance between seeds.",
    ),
    ...runs.flatMap(mergeChange),
    ...matching(
      ({ provenance }) => provenance.git?.dirty === true,
      "was executed from a working tree with uncommitted changes.",
      "were executed from a working tree with uncommitted changes.",
    ),
    ...(runs.some(({ audit }) => (audit?.findings ?? []).some(({ code }) => code === "leak" || code === "near-leak"))
      ? ["Some evaluated texts also occur in the training split, exactly or with small changes (see the data audit)."]
      : []),
  ];
}

/** The subject of a sentence about several runs: their names if they are few. */
function nameList(names: readonly string[], all: number): string {
  if (names.length <= mostNames) return `${names.slice(0, -1).join("; ")} and ${names.at(-1)}`;
  return names.length === all ? `All ${all} runs` : `${names.length} of ${all} runs`;
}

const mostNames = 3;

/** The effect of merging an adapter of a 4-bit base into the 16-bit base. */
function mergeChange(run: RunFacts): readonly string[] {
  const { difference, low, high, metric, cases } = run.steps.merge_check?.evidence ?? {};
  if (typeof difference !== "number") return [];
  const bounds = typeof low === "number" && typeof high === "number" ? { low, high } : {};
  return [
    `${run.name} was trained on a 4-bit base and merged into the 16-bit base. Merging changes ${metricName(String(metric))} by ${signedInterval({ difference, ...bounds })} on ${integer(Number(cases))} validation rows (95 % confidence interval).`,
  ];
}

import { smokeWarning } from "../../config/smoke.ts";
import { trainedHere } from "../../runs/replayed-arms.ts";
import { signedInterval } from "../report/arm-differences.ts";
import { metricWord, whole } from "../report/display-names.ts";
import { type Block, heading, paragraph } from "../report/document.ts";
import { replayLimits } from "../report/replayed-arms.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** What a reader should hold against the numbers. */
export function limits({ runs }: Study): readonly Block[] {
  const items = limitsOf(runs);
  return [
    heading(1, "Limits"),
    ...(items.length === 0 ? [] : [{ type: "list" as const, items: items.map((item) => [item]) }]),
    heading(2, "Looks at the scored file"),
    paragraph(
      "Every time that answers to a test file are scored anew is counted: a file that was looked at often is no longer unseen. ",
      looks(runs),
    ),
  ];
}

function looks(runs: readonly RunFacts[]): string {
  const counted = new Map(
    runs.flatMap(({ looks: count, config }) =>
      count === null ? [] : [[config.data.test?.file ?? "the test file", count] as const],
    ),
  );
  if (counted.size === 0) return "No look was recorded.";
  const times = (count: number): string => (count === 1 ? "once" : `${whole(count)} times`);
  return `When this report was made, ${[...counted].map(([file, count]) => `${file} had been scored ${times(count)}`).join(", ")}.`;
}

/** What a reader should hold against runs, each thing once with the runs that it holds for. */
export function limitsOf(runs: readonly RunFacts[]): readonly string[] {
  const of = (is: (run: RunFacts) => boolean, one: string, many = one): readonly string[] => {
    const names = runs.filter(is).map(({ name }) => name);
    const first = names[0];
    if (first === undefined) return [];
    return [names.length === 1 ? `${first} ${one}` : `${subjects(names, runs.length)} ${many}`];
  };
  return [
    ...new Set(runs.filter((run) => run.smoke).map(({ experiment }) => smokeWarning(experiment))),
    ...replayLimits(runs),
    ...of(
      ({ config }) => config.evaluate.split === "validation",
      "is scored on validation rows, which may have chosen its settings.",
      "are scored on validation rows, which may have chosen their settings.",
    ),
    ...of(
      (run) => trainedHere(run) && run.config.data.validation === undefined,
      "has no validation part: its settings were not chosen by held-out rows.",
      "have no validation part: their settings were not chosen by held-out rows.",
    ),
    ...of(
      trainedHere,
      "was trained with one seed: the interval covers the draw of cases, not that of seeds.",
      "were trained with one seed each: intervals cover the draw of cases, not that of seeds.",
    ),
    ...runs.flatMap(formsOf),
    ...of(
      ({ provenance }) => provenance.git?.dirty === true,
      "was made from a working tree with changes that are in no commit.",
      "were made from a working tree with changes that are in no commit.",
    ),
    ...(runs.some(({ audit }) => (audit?.findings ?? []).some(({ code }) => code === "leak" || code === "near-leak"))
      ? ["Texts of the scored part, or near copies, stand in the training part too: see the audit."]
      : []),
  ];
}

/** Runs as the subject of a sentence: by their names while these are few. */
function subjects(names: readonly string[], all: number): string {
  if (names.length <= mostNamed) return `${names.slice(0, -1).join("; ")} and ${names.at(-1)}`;
  return names.length === all ? `All ${all} runs` : `${names.length} of ${all} runs`;
}

const mostNamed = 3;

/** What merging into 16 bits changed of an adapter that was trained on a 4-bit base. */
function formsOf(run: RunFacts): readonly string[] {
  const { difference, low, high, metric, cases } = run.steps.merge_check?.evidence ?? {};
  if (typeof difference !== "number" || typeof low !== "number" || typeof high !== "number") return [];
  return [
    `${run.name} was trained on a 4-bit base. Merged into the 16-bit base it is another model: ${metricWord(String(metric))} changes by ${signedInterval({ difference, low, high })} on ${whole(Number(cases))} validation rows (95 % bootstrap interval).`,
  ];
}

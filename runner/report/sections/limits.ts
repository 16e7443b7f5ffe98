import { type Block, heading, paragraph } from "../block.ts";
import { replayLimits, trainedHere } from "../replayed.ts";
import type { RunFacts, Study } from "../study.ts";
import { metricWord, runWord, score, whole } from "../words.ts";

/** What a reader should hold against the numbers. */
export function limits({ runs }: Study): readonly Block[] {
  const items = [...new Set(runs.flatMap(limitsOf))];
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
  const counted = runs.flatMap((run) => (run.looks === null ? [] : [`${runWord(run)}: ${whole(run.looks)}`]));
  return counted.length === 0 ? "No look was recorded." : `Looks when this report was made: ${counted.join("; ")}.`;
}

/** What a reader should hold against one run. */
export function limitsOf(run: RunFacts): readonly string[] {
  const { config, audit, provenance } = run;
  return [
    ...(run.smoke ? [`${runWord(run)} is a smoke run of 20 rows and 5 steps: its numbers mean nothing.`] : []),
    ...replayLimits(run),
    ...(config.evaluate.on === "validation"
      ? [`${runWord(run)} is scored on validation rows, which may have chosen its settings.`]
      : []),
    ...(trainedHere(run) && config.data.validation === undefined
      ? [`${runWord(run)} has no validation part: its settings were not chosen by held-out rows.`]
      : []),
    ...(trainedHere(run)
      ? [`${runWord(run)} was trained with one seed: the interval covers the draw of cases, not that of seeds.`]
      : []),
    ...formsOf(run),
    ...(provenance.git?.dirty === true
      ? [`${runWord(run)} was made from a working tree with changes that are in no commit.`]
      : []),
    ...((audit?.findings ?? []).some(({ code }) => code === "leak" || code === "near-leak")
      ? ["Texts of the scored part, or near copies, stand in the training part too: see the audit."]
      : []),
  ];
}

/** What merging into 16 bits changed of an adapter that was trained on a 4-bit base. */
function formsOf(run: RunFacts): readonly string[] {
  const { difference, low, high, metric, cases } = run.steps.requantised?.evidence ?? {};
  if (typeof difference !== "number" || typeof low !== "number" || typeof high !== "number") return [];
  const sign = (value: number): string => `${value < 0 ? "−" : "+"}${score(Math.abs(value))}`;
  return [
    `${runWord(run)} was trained on a 4-bit base. Merged into the 16-bit base it is another model: ${metricWord(String(metric))} changes by ${sign(difference)} [${sign(low)}, ${sign(high)}] on ${whole(Number(cases))} validation rows (95 % bootstrap interval).`,
  ];
}

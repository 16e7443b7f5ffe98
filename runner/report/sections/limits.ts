import { type Block, heading, paragraph } from "../block.ts";
import type { RunFacts, Study } from "../study.ts";
import { runWord, whole } from "../words.ts";

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
    ...(config.generate.engine === "replay"
      ? [`The answers of ${runWord(run)} were replayed from a file: what made them is not part of this study's record.`]
      : []),
    ...(config.evaluate.on === "validation"
      ? [`${runWord(run)} is scored on validation rows, which may have chosen its settings.`]
      : []),
    ...(config.train !== undefined && config.data.validation === undefined
      ? [`${runWord(run)} has no validation part: its settings were not chosen by held-out rows.`]
      : []),
    ...(config.train !== undefined
      ? [`${runWord(run)} was trained with one seed: the interval covers the draw of cases, not that of seeds.`]
      : []),
    ...(provenance.git?.dirty === true
      ? [`${runWord(run)} was made from a working tree with changes that are in no commit.`]
      : []),
    ...((audit?.findings ?? []).some(({ code }) => code.startsWith("leak"))
      ? ["Texts of the scored part, or near copies, stand in the training part too: see the audit."]
      : []),
  ];
}

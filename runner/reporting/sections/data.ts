import type { SplitFacts } from "../../data/audit.ts";
import { whole } from "../report/display-names.ts";
import type { Block } from "../report/document.ts";
import { heading, paragraph } from "../report/document.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** The rows, how they were split, and what the audit of them said. */
export function data({ runs }: Study): readonly Block[] {
  const run = runs.at(-1) as RunFacts;
  const { audit, config, trainLabels } = run;
  const splits = Object.entries(audit?.splits ?? {});
  return [
    heading(1, "Task and data"),
    paragraph(
      config.task === "single_label"
        ? "Each case is a text and exactly one label. "
        : "Each case is a text and a set of labels, which may be empty. ",
      "The text is in the column ",
      { code: config.data.columns.input },
      ", the answer in ",
      { code: config.data.columns.target },
      `. The training rows hold ${whole(trainLabels.length)} distinct labels as they are spelt; ${whole(trainLabels.filter(({ count }) => count <= 5).length)} of them stand in at most five rows. `,
      splitWords(run),
    ),
    ...(splits.length === 0
      ? []
      : [
          {
            type: "table" as const,
            id: "splits",
            caption:
              "Rows of each part, distinct labels (basic view), labels a case, words of the texts (median / longest), share of the " +
              "labels that training has, and the micro-F1 that this share allows at best.",
            head: ["part", "rows", "labels", "a case", "words", "seen", "ceiling"],
            align: ["left" as const, ...Array.from({ length: 6 }, () => "right" as const)],
            rows: splits.map(([name, facts]) => splitRow(name, facts)),
          },
        ]),
    ...findings(run),
  ];
}

function splitRow(name: string, facts: SplitFacts): readonly string[] {
  const { rows, labels_basic, labels_per_row, words, seen_in_training, ceiling } = facts;
  return [
    name,
    whole(rows),
    whole(labels_basic),
    labels_per_row.toFixed(2),
    `${whole(words.median)} / ${whole(words.max)}`,
    `${(seen_in_training * 100).toFixed(1)} %`,
    ceiling.micro_f1.toFixed(3),
  ];
}

function splitWords({ config }: RunFacts): string {
  const { validation } = config.data;
  if (validation?.fraction !== undefined) {
    return `A share of ${(validation.fraction * 100).toFixed(0)} % of the training rows, stratified by label (seed ${validation.seed}), is kept apart for everything that chooses.`;
  }
  if (validation?.folds !== undefined) {
    return `Cross-validation: ${validation.folds} folds of the training rows, stratified by label (seed ${validation.seed}); fold ${validation.fold ?? 1} is kept apart in this run, and choices are made on the answers to all folds.`;
  }
  if (validation?.file !== undefined) return "A file of its own chooses and stops.";
  return "Nothing was chosen on held-out rows: there is no validation part.";
}

function findings({ audit }: RunFacts): readonly Block[] {
  const found = audit?.findings ?? [];
  if (found.length === 0) return [paragraph("The audit of the data found nothing to report.")];
  return [
    {
      type: "table",
      id: "audit",
      caption:
        "What the audit of the data found. Errors stop a study unless the author has accepted them by their code.",
      head: ["code", "severity", "count", "finding"],
      align: ["left", "left", "right", "left"],
      rows: found.map(({ code, severity, count, message, accepted }) => [
        [{ code }],
        accepted ? `${severity}, accepted` : severity,
        whole(count),
        message,
      ]),
    },
  ];
}

import type { SplitFacts } from "../../data/audit.ts";
import { inputColumns, targetColumns } from "../../data/columns.ts";
import type { DatasetPart } from "../../hub/dataset-files.ts";
import { datasetsOf } from "../../plugins/data-part.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import { integer, percent, plural, score } from "../../util/format.ts";
import { hasLabels } from "../report/display-names.ts";
import { about, type Block, heading, paragraph } from "../report/document.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** Which columns have the input and the target. Manifests of earlier versions have no format. */
function columnSentence({
  format = "table",
  columns,
}: Partial<Experiment["data"]> & Pick<Experiment["data"], "columns">) {
  const listed = (names: readonly string[]) =>
    names.flatMap((name, at) => [...(at === 0 ? [] : [", "]), { code: name }]);
  const inputs = listed(inputColumns(columns));
  if (format === "chat" && (columns.target === undefined || columns.target === columns.input))
    return ["Each case is a conversation in column ", ...inputs, "; its last message is the target. "];
  const noun = inputs.length > 1 ? "The input text is columns " : "The input text is column ";
  const targets = targetColumns(columns);
  return [noun, ...inputs, `, the target is ${targets.length > 1 ? "columns" : "column"} `, ...listed(targets), ". "];
}

/** Task, splits and findings of the data audit. */
export function data({ runs }: Study): readonly Block[] {
  const run = runs.at(-1) as RunFacts;
  const { audit, config, trainLabels } = run;
  const splits = Object.entries(audit?.splits ?? {});
  const { words } = tasks.get(config.task);
  const isLabelled = hasLabels(config);
  const isSet = isLabelled && !tasks.get(config.task).labels?.isSingle;
  const hasGroups = splits.some(([, { groups }]) => groups !== undefined);
  const rare = trainLabels.filter(({ count }) => count <= 5).length;
  return [
    heading(1, "Task and data"),
    paragraph(
      `${words.task} `,
      ...columnSentence(config.data),
      ...(!isLabelled
        ? []
        : [
            `The training split contains ${plural(trainLabels.length, "distinct label")} (raw spelling), of which ${integer(rare)} ${rare === 1 ? "occurs" : "occur"} in at most five rows. `,
          ]),
      datasetSentence(run),
      testText(run),
      validationText(run),
      groupText(run),
    ),
    paragraph(
      "The study compares ",
      { emph: "arms" },
      ". An arm is one system that answers every case: the fine-tuned model, the same model without fine-tuning " +
        "(zero-shot), or a baseline.",
    ),
    paragraph(...about("splits", "describes the splits."), ...about("audit", "lists what the data audit reports.")),
    ...(splits.length === 0
      ? []
      : [
          {
            type: "table" as const,
            id: "splits",
            caption:
              `Splits: rows, ${hasGroups ? "groups, " : ""}${isLabelled ? "distinct labels (basic view), " : ""}${isSet ? "labels per case, " : ""}words per input (median / maximum)` +
              (isLabelled
                ? ", proportion of label occurrences (basic view) whose label is in the training split, and the highest micro-F1 that this proportion allows."
                : "."),
            head: [
              "split",
              "rows",
              ...(hasGroups ? ["groups"] : []),
              ...(isLabelled ? ["labels"] : []),
              ...(isSet ? ["labels / case"] : []),
              "words",
              ...(isLabelled ? ["in training", "max. micro-F1"] : []),
            ],
            align: [
              "left" as const,
              ...Array.from(
                { length: 2 + Number(hasGroups) + (isLabelled ? 3 : 0) + Number(isSet) },
                () => "right" as const,
              ),
            ],
            rows: splits.map(([name, facts]) => splitRow(name, facts, { isLabelled, isSet })),
          },
        ]),
    ...findings(run),
  ];
}

function splitRow(
  name: string,
  facts: SplitFacts,
  { isLabelled, isSet }: { readonly isLabelled: boolean; readonly isSet: boolean },
): readonly string[] {
  const { rows, groups, labels_basic, labels_per_row, words, seen_in_training, ceiling } = facts;
  return [
    name,
    integer(rows),
    ...(groups === undefined ? [] : [integer(groups)]),
    ...(isLabelled ? [integer(labels_basic)] : []),
    ...(isSet ? [labels_per_row.toFixed(2)] : []),
    `${integer(words.median)} / ${integer(words.max)}`,
    ...(isLabelled ? [percent(seen_in_training), score(ceiling.micro_f1)] : []),
  ];
}

/** How a split is drawn, for a task with labels. */
const stratified = (config: RunFacts["config"], comma = ""): string =>
  hasLabels(config) ? `${comma} stratified by label` : "";

/** The data sets of the hub, with their commits. */
function datasetSentence({ config }: RunFacts): string {
  const parts = Object.entries(datasetsOf(config.data));
  if (parts.length === 0) return "";
  const names = parts.map(
    ([name, part]) => `${name}: ${part.hub} at commit ${part.revision.slice(0, 12)}, ${partOfDataset(name, part)}`,
  );
  return `Rows are from the Hugging Face hub (${names.join("; ")}). The step fetch_data has checked the digest of each file. `;
}

function partOfDataset(name: string, { config, split = name, files }: DatasetPart): string {
  if (files !== undefined) return `files ${[files].flat().join(", ")}`;
  return `${config === undefined ? "" : `configuration ${config}, `}split ${split}`;
}

function testText({ config }: RunFacts): string {
  const { test } = config.data;
  if (test?.fraction === undefined) return "";
  return `The test split is ${percent(test.fraction, 0)} of the rows of the data file, held out${stratified(config)} (seed ${test.seed}). Rows with nearly the same input are in the same split. `;
}

function groupText({ config }: RunFacts): string {
  const { group } = config.data.columns;
  if (group === undefined) return "";
  return ` Rows with the same value in column ${group} form a group. Splits that the study draws, and folds, keep a group together; a group in two splits is an error of the data audit. Intervals and tests treat a group as one unit.`;
}

function validationText({ config }: RunFacts): string {
  const { validation } = config.data;
  if (validation?.fraction !== undefined) {
    return `The validation split is ${percent(validation.fraction, 0)} of the training rows${stratified(config, ",")} (seed ${validation.seed}). It is used for checkpoint and hyper-parameter selection only.`;
  }
  if (validation?.folds !== undefined) {
    return `The training rows are divided into ${validation.folds} cross-validation folds${stratified(config, ",")} (seed ${validation.seed}). This run holds out fold ${validation.fold ?? 1}; selection uses the predictions for all folds.`;
  }
  if (validation?.file !== undefined)
    return "A separate validation file is used for checkpoint selection and early stopping.";
  return "There is no validation split: no checkpoint or hyper-parameter was selected on held-out rows.";
}

function findings({ audit }: RunFacts): readonly Block[] {
  const found = audit?.findings ?? [];
  if (found.length === 0) return [paragraph("The data audit reports no findings.")];
  return [
    {
      type: "table",
      id: "audit",
      caption:
        "Findings of the data audit. An error stops the study unless the authors accept its code in the experiment.",
      head: ["code", "severity", "count", "finding"],
      align: ["left", "left", "right", "left"],
      rows: found.map(({ code, severity, count, message, accepted }) => [
        [{ code }],
        accepted ? `${severity}, accepted` : severity,
        integer(count),
        message,
      ]),
    },
  ];
}

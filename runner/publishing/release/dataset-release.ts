import { readFileSync } from "node:fs";
import { stepOfArm } from "../../pipeline/plan/step-ref.ts";
import { readPredictions, type ScoredResponse } from "../../pipeline/steps/answer.ts";
import { taskOf } from "../../pipeline/steps/task.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import { factsOf } from "../../reporting/facts/run-facts.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { datasetCard, type PredictionFiles } from "./dataset-card.ts";
import { scanForLeaks, textsWithRows } from "./leak-scan.ts";
import { cardOrFailure, type PreparedRelease, type ReleaseContext, RunFiles, textFile } from "./model-release.ts";
import type { FailedCheck, Release, ReleaseFile } from "./release.ts";

type Upload = NonNullable<Experiment["upload"]>;

/**
 * Prepares the predictions of a run as a data set: id, gold target, prediction and answer of each case. Fields that quote a row
 * are withheld. Runs the pre-publish checks.
 */
export async function prepareDatasetRelease(
  run: FinishedRun,
  upload: Upload,
  context: ReleaseContext,
): Promise<PreparedRelease> {
  const failed: FailedCheck[] = [];
  const runFiles = new RunFiles(run, context, failed);
  const fields = fieldsOf(run);
  const arms = Object.keys(run.manifest.arms);
  const answers = new Map<string, readonly Answer[]>();
  for (const arm of arms) {
    // Checked like a published file, although its rows are written again below.
    const [file] = runFiles.one(stepOfArm("evaluate", arm), "predictions.jsonl", "");
    if (file !== undefined && "file" in file.content) answers.set(arm, readPredictions(file.content.file, fields.key));
  }
  const quoting = await textsWithRows(run, textsOf(answers, fields), context);
  const repo = upload.predictions as string;
  const files: PredictionFiles = [...answers].map(([arm, rows]) => ({
    arm,
    path: `predictions/${arm}.jsonl`,
    withheld: rows.filter(({ id }) => fields.names.some((field) => quoting.has(nameOf(arm, id, field)))).length,
  }));
  const published: ReleaseFile[] = [
    ...[...answers].map(([arm, rows]) => textFile(`predictions/${arm}.jsonl`, linesOf(arm, rows, fields, quoting))),
    textFile("manifest.json", readFileSync(run.path, "utf8")),
  ];
  const card = cardOrFailure(failed, () => datasetCard(factsOf(run, null), repo, files));
  const release: Release = {
    type: "dataset",
    repo,
    private: upload.private,
    title: `predictions of ${run.manifest.experiment} ${run.manifest.run}`,
    files: card === undefined ? published : [textFile("README.md", card), ...published],
  };
  failed.push(...(await scanForLeaks(run, release, context)));
  return { release, failed };
}

type Answer = ScoredResponse & { readonly prediction: unknown };

/** The fields of an answer that are published, and the key of the prediction among them. */
type Fields = { readonly key: string; readonly names: readonly string[] };

function fieldsOf({ manifest }: FinishedRun): Fields {
  const { predictionKey } = taskOf(manifest.config);
  return { key: predictionKey, names: ["gold", predictionKey, "text"] };
}

const fieldOf = (row: Answer, field: string): unknown => (row as Readonly<Record<string, unknown>>)[field];

/** The name of one field of one answer in the search for rows. */
const nameOf = (arm: string, id: string, field: string): string => JSON.stringify([arm, id, field]);

function textsOf(answers: ReadonlyMap<string, readonly Answer[]>, fields: Fields): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...answers].flatMap(([arm, rows]) =>
      rows.flatMap((row) =>
        fields.names.map((field) => [
          nameOf(arm, row.id, field),
          [fieldOf(row, field) ?? ""].flat().map(String).join("\n"),
        ]),
      ),
    ),
  );
}

/** Publishes the named fields only, so that later additions to predictions stay private. A field that quotes a row is null. */
function linesOf(arm: string, rows: readonly Answer[], fields: Fields, quoting: ReadonlySet<string>): string {
  return rows
    .map((row) => {
      const shown = fields.names
        .filter((field) => fieldOf(row, field) !== undefined)
        .map((field) => [field, quoting.has(nameOf(arm, row.id, field)) ? null : fieldOf(row, field)]);
      return `${JSON.stringify({ id: row.id, ...Object.fromEntries(shown) })}\n`;
    })
    .join("");
}

import { readFileSync } from "node:fs";
import type { Experiment } from "../../config/schema.ts";
import { stepOfArm } from "../../pipeline/plan/step-ref.ts";
import { readPredictions, type ScoredResponse } from "../../pipeline/steps/answer.ts";
import { taskOf } from "../../pipeline/steps/task.ts";
import { factsOf } from "../../reporting/facts/run-facts.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { UserError } from "../../util/user-error.ts";
import { type PredictionFiles, predictionsCardOf } from "./dataset-card.ts";
import { leaks, textsWithRows } from "./leak-scan.ts";
import { Kept, type Prepared, type Releasing, textFile } from "./model-release.ts";
import { type Refusal, type Release, type ReleaseFile, refusal } from "./release.ts";

type Upload = NonNullable<Experiment["upload"]>;

/**
 * What would be published of a run's answers, as a data set: ids, gold and read labels, and answers, without what
 * quotes a row. The same gate as for a model comes last.
 */
export function preparePredictions(run: FinishedRun, upload: Upload, releasing: Releasing): Prepared {
  const wrong: Refusal[] = [];
  const kept = new Kept(run, releasing, wrong);
  const fields = fieldsOf(run);
  const arms = Object.keys(run.manifest.arms);
  const answers = new Map<string, readonly Answer[]>();
  for (const arm of arms) {
    // Looked at like every file that is published, although its answers are written anew.
    const [file] = kept.one(stepOfArm("evaluate", arm), "predictions.jsonl", "");
    if (file !== undefined && "file" in file.content) answers.set(arm, readPredictions(file.content.file, fields.key));
  }
  const quoting = textsWithRows(run, textsOf(answers, fields));
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
  const card = cardOrWhy(run, repo, files, wrong);
  const release: Release = {
    type: "dataset",
    repo,
    private: upload.private,
    title: `answers of ${run.manifest.experiment} ${run.manifest.run}`,
    files: card === undefined ? published : [textFile("README.md", card), ...published],
  };
  wrong.push(...leaks(run, release, releasing));
  return { release, refusals: wrong };
}

type Answer = ScoredResponse & { readonly prediction: unknown };

/** The fields of an answer that are published, and the key of the prediction among them. */
type Fields = { readonly key: string; readonly names: readonly string[] };

function fieldsOf({ manifest }: FinishedRun): Fields {
  const { predictionKey } = taskOf(manifest.config);
  return { key: predictionKey, names: ["gold", predictionKey, "text"] };
}

const fieldOf = (row: Answer, field: string): unknown => (row as Readonly<Record<string, unknown>>)[field];

/** One field of one answer, as the search for rows calls it. */
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

/** Named fields alone: what a later version adds to predictions is not published by itself. A field that quotes a row is null. */
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

function cardOrWhy(run: FinishedRun, repo: string, files: PredictionFiles, wrong: Refusal[]): string | undefined {
  try {
    return predictionsCardOf(factsOf(run, null), repo, files);
  } catch (error) {
    if (!(error instanceof UserError && error.code === "file-gone")) throw error;
    wrong.push(refusal("file-gone", error.message, error.help ?? ""));
    return undefined;
  }
}

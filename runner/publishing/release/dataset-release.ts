import { readFileSync } from "node:fs";
import type { Experiment } from "../../config/schema.ts";
import { stepOfArm } from "../../pipeline/plan/step-ref.ts";
import type { Prediction } from "../../pipeline/steps/evaluate.ts";
import { readJsonLines } from "../../pipeline/steps/jsonl.ts";
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
  const arms = Object.keys(run.manifest.arms);
  const answers = new Map<string, readonly Prediction[]>();
  for (const arm of arms) {
    // Looked at like every file that is published, although its answers are written anew.
    const [file] = kept.one(stepOfArm("evaluate", arm), "predictions.jsonl", "");
    if (file !== undefined && "file" in file.content) answers.set(arm, readJsonLines<Prediction>(file.content.file));
  }
  const quoting = textsWithRows(run, textsOf(answers));
  const repo = upload.predictions as string;
  const files: PredictionFiles = [...answers].map(([arm, rows]) => ({
    arm,
    path: `predictions/${arm}.jsonl`,
    withheld: rows.filter(({ id }) => fields.some((field) => quoting.has(nameOf(arm, id, field)))).length,
  }));
  const published: ReleaseFile[] = [
    ...[...answers].map(([arm, rows]) => textFile(`predictions/${arm}.jsonl`, linesOf(arm, rows, quoting))),
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

const fields = ["gold", "labels", "text"] as const;

/** One field of one answer, as the search for rows calls it. */
const nameOf = (arm: string, id: string, field: string): string => JSON.stringify([arm, id, field]);

function textsOf(answers: ReadonlyMap<string, readonly Prediction[]>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...answers].flatMap(([arm, rows]) =>
      rows.flatMap((row) => fields.map((field) => [nameOf(arm, row.id, field), [row[field] ?? ""].flat().join("\n")])),
    ),
  );
}

/** Named fields alone: what a later version adds to predictions is not published by itself. A field that quotes a row is null. */
function linesOf(arm: string, rows: readonly Prediction[], quoting: ReadonlySet<string>): string {
  return rows
    .map((row) => {
      const shown = fields
        .filter((field) => row[field] !== undefined)
        .map((field) => [field, quoting.has(nameOf(arm, row.id, field)) ? null : row[field]]);
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

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Suspect, type Suspicions, suspicions } from "../../evaluation/labels/suspects.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, StepKind } from "../../plugins/step.ts";
import type { OpenTask } from "../../plugins/tasks/task.ts";
import { type CandidateRow, candidatesStep, draftCandidates } from "./candidates.ts";
import type { DataRow } from "./data.ts";
import { draft } from "./draft.ts";
import { jsonLines, readJsonLines } from "./jsonl.ts";
import { openTask, parsingParams, scoringFiles, type TaskParams } from "./task.ts";

/** A training row with a changed weight, and the labels that are suspected in it. */
export type SuspectRow = {
  readonly id: string;
  /** Factor of the row's weight in the loss. */
  readonly weight: number;
  readonly errors: readonly Pick<Suspect, "label" | "kind">[];
};

type Params = TaskParams & {
  readonly weight: number;
  readonly errors: "wrong" | "missing" | "any";
  readonly exp: string;
};

/** The step with the weights of suspected training rows. */
export const suspectsStep = "suspects";

/** Its file. */
export const suspectsFile = "suspects.jsonl";

/**
 * Gives training rows with suspected label errors another weight in the loss. The scores are from classifiers that are
 * fitted without the row that they score. No other split is an input.
 */
export const suspects: StepKind<Params> = {
  name: suspectsStep,
  version: 1,
  cached: true,
  outputs: () => [suspectsFile],
  async run({ weight, errors, ...params }, context) {
    const open = await openTask(params, context);
    const rows = readJsonLines<DataRow>(context.input("train"));
    const found = suspicionsOf(rows, readJsonLines<CandidateRow>(context.input("scores")), open);
    const byRow = new Map<string, SuspectRow["errors"]>();
    for (const { id, label, kind } of found.errors)
      if (errors === "any" || errors === kind) byRow.set(id, [...(byRow.get(id) ?? []), { label, kind }]);
    const first = firstRows(rows);
    const changed = rows.flatMap((row): readonly SuspectRow[] => {
      const own = byRow.get((first.get(contentOf(row)) as DataRow).id);
      return own === undefined ? [] : [{ id: row.id, weight, errors: own }];
    });
    writeFileSync(join(context.output, suspectsFile), jsonLines(changed));
    context.evidence({ rows: rows.length, suspected: changed.length, weight });
  },
};

/** Copies of a row, such as those of data.oversample, have the same content. */
const contentOf = ({ input, target }: DataRow): string => `${target}\0${input}`;

function firstRows(rows: readonly DataRow[]): ReadonlyMap<string, DataRow> {
  const first = new Map<string, DataRow>();
  for (const row of rows) if (!first.has(contentOf(row))) first.set(contentOf(row), row);
  return first;
}

/** What scores of training rows make suspect in their labels, in the canonical view. Copies of a row count once. */
export function suspicionsOf(
  rows: readonly DataRow[],
  candidates: readonly CandidateRow[],
  open: OpenTask,
): Suspicions & { readonly rows: number } {
  const canonical = (label: string): string => open.parts([label], "canonical")[0] ?? "";
  const scored = new Map(candidates.map((row) => [row.id, row.candidates]));
  const single = [...firstRows(rows).values()];
  const found = suspicions(
    single.map(({ id, gold }) => {
      const scores = new Map<string, number>();
      // The best first: of two spellings of a label, the better one counts.
      for (const { label, score } of scored.get(id) ?? [])
        if (!scores.has(canonical(label))) scores.set(canonical(label), score);
      return { id, gold: open.parts(gold, "canonical"), scores };
    }),
  );
  return { ...found, rows: single.length };
}

/** The steps that weight suspected training rows; none without `train.suspects`. */
export function draftSuspects(experiment: Experiment, site: Site): readonly Draft[] {
  const { train, prompt } = experiment;
  if (train?.suspects === undefined) return [];
  const { from, ...setting } = train.suspects;
  const isShared = prompt.candidates?.from === from;
  const scores = isShared ? candidatesStep : "suspect_scores";
  const classifier = isShared ? undefined : draftCandidates(experiment, site, { id: scores, from, crossFit: true });
  return [
    ...(classifier === undefined ? [] : [classifier]),
    draft({
      id: suspectsStep,
      kind: suspects.name,
      params: { ...parsingParams(experiment), ...setting, exp: site.version },
      sources: scoringFiles(experiment),
      inputs: {
        train: { step: "data", file: "train.jsonl" },
        scores: { step: scores, file: "train.jsonl" },
      },
    }),
  ];
}

import type { CaseAnswer } from "../../evaluation/statistics/comparison.ts";
import type { OpenTask, Parsed } from "../../plugins/tasks/task.ts";
import { readJsonLines } from "./jsonl.ts";
import type { Finish, Response } from "./response.ts";

/** How the answers of one experiment are read. */
export type Reading = {
  readonly open: OpenTask;
  /** The key by which a response holds a prediction in place of text. */
  readonly predictionKey: string;
  /** Share of a vote that keeps a part of the prediction; null if each case has one answer. */
  readonly minShare: number | null;
  /** Labels of the training rows; empty for a task without labels. */
  readonly labels: ReadonlySet<string>;
};

/** The prediction of one response: the one that it holds, the one that its text gives, or the vote of its samples. */
export function readAnswer(answer: Response, { open, predictionKey, minShare, labels }: Reading): Parsed<unknown> {
  const given = (answer as Readonly<Record<string, unknown>>)[predictionKey];
  if (given !== undefined) return { prediction: given, parsed: true, notes: [] };
  const read = (text: string, finish: Finish | undefined) => open.parseAnswer(text, { labels, finish });
  if (answer.samples === undefined || minShare === null || open.vote === undefined)
    return read(answer.text ?? "", answer.finish);
  return open.vote(
    answer.samples.map(({ text, finish }) => read(text, finish)),
    minShare,
  );
}

/** One scored case, as a line of predictions.jsonl, without its prediction: the task names the key that holds it. */
export type ScoredResponse = Response & {
  readonly gold: unknown;
  /** False if nothing could be read; the prediction is then the task's empty one. */
  readonly parsed: boolean;
  readonly notes: readonly string[];
};

/** Reads predictions.jsonl. */
export function readPredictions(path: string, predictionKey: string): readonly (ScoredResponse & CaseAnswer)[] {
  return readJsonLines<ScoredResponse>(path).map((line) => withPrediction(line, predictionKey));
}

/** A line of predictions.jsonl with its prediction under the name `prediction`, for any task. */
export function withPrediction<T extends object>(line: T, predictionKey: string): T & { readonly prediction: unknown } {
  return { ...line, prediction: (line as Readonly<Record<string, unknown>>)[predictionKey] };
}

import { type ParsedAnswer, parseAnswer } from "../../data/labels/parse.ts";
import { voteLabels } from "../../data/labels/vote.ts";
import type { Finish, Response } from "./response.ts";

/** How answers of one experiment are read. */
export type Reading = {
  readonly separator: string;
  readonly task: "label_set" | "single_label";
  /** Share of a vote that keeps a label; null where each case has one answer. */
  readonly min_share: number | null;
  /** Labels of the training rows. */
  readonly known: ReadonlySet<string>;
};

/** The labels of one answer: those that it lists, those that its text says, or those that most of a vote hold. */
export function readAnswer(answer: Response, { separator, task, min_share, known }: Reading): ParsedAnswer {
  if (answer.labels !== undefined) return { labels: [...answer.labels], parsed: true, notes: [] };
  const read = (text: string, finish: Finish | undefined) => parseAnswer(text, { separator, task, known, finish });
  if (answer.samples === undefined || min_share === null) return read(answer.text ?? "", answer.finish);
  return voteLabels(
    answer.samples.map(({ text, finish }) => read(text, finish)),
    min_share,
  );
}

import { type Synonyms, type View, viewOf, views } from "../labels/views.ts";
import { count } from "./count.ts";
import { type Scores, scoresOf } from "./metrics.ts";
import { type Case, intern, tabulate } from "./table.ts";

/** How cases are scored. */
export type ScoreOptions = {
  /** The canonical view is the basic one without it. */
  readonly synonyms?: Synonyms | undefined;
  /** Training vocabulary: columns are then these labels union gold, and one for all other predictions. Absent: gold union predicted. */
  readonly space?: readonly string[] | undefined;
};

/** Every metric in every view: what `exp score --json` prints. */
export type Score = { readonly n: number; readonly views: Readonly<Record<View, Scores>> };

/** Scores cases in all three views. */
export function score(cases: readonly Case[], options: ScoreOptions = {}): Score {
  const interned = intern(cases);
  const of = (view: View) => scoresOf(count(tabulate(interned, viewOf(view, options.synonyms), options.space)));
  return { n: cases.length, views: Object.fromEntries(views.map((view) => [view, of(view)])) as Record<View, Scores> };
}

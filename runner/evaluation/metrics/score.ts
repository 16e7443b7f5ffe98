import { basicForm } from "../../data/labels/basic.ts";
import type { Groups } from "../../data/labels/synonyms.ts";
import { type Synonyms, type View, viewOf, views } from "../../data/labels/views.ts";
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

/**
 * The best that can be reached with labels of the training rows only: gold without the labels that training does not have
 * is scored as if it had been predicted, in each view.
 */
export function ceiling(cases: readonly Case[], vocabulary: Iterable<string>, options: ScoreOptions = {}): Score {
  const known = [...vocabulary];
  const best = (view: View): Scores => {
    const of = viewOf(view, options.synonyms);
    const seen = new Set(known.map(of));
    const reached = cases.map(({ id, gold }) => ({ id, gold, pred: gold.filter((label) => seen.has(of(label))) }));
    return scoresOf(count(tabulate(intern(reached), of, options.space)));
  };
  return {
    n: cases.length,
    views: Object.fromEntries(views.map((view) => [view, best(view)])) as Record<View, Scores>,
  };
}

/** What a label in no group of the study counts as. */
const noGroup = "(no group)";

/** Scores the groups of the labels instead of the labels: whether the right kind of thing was named, though not the thing itself. */
export function scoreGroups(cases: readonly Case[], groups: Groups, synonyms?: Synonyms): Scores {
  const of = (label: string): readonly string[] =>
    groups.get(basicForm(label)) ?? groups.get(synonyms?.canonical(label) ?? "") ?? [noGroup];
  const grouped = cases.map(({ id, gold, pred }) => ({ id, gold: gold.flatMap(of), pred: pred.flatMap(of) }));
  return scoresOf(count(tabulate(intern(grouped), viewOf("raw"))));
}

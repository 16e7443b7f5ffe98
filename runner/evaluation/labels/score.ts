import { isDirty } from "../../data/dirty.ts";
import { type Synonyms, type View, viewOf, views } from "../../data/labels/views.ts";
import type { ScoredCases } from "../../plugins/metrics/metric.ts";
import type { LabelGroups } from "../../plugins/tasks/task.ts";
import { scoresOf } from "../statistics/packed.ts";
import { type Cardinality, cardinality, type LabelRow, labelRows, outOfSet } from "./detail.ts";
import { labelMetrics } from "./label-metrics.ts";
import { type SingleLabel, singleLabel } from "./single-label.ts";
import { intern, type LabelCase, type Scoring, scoredCases, tabulate } from "./table.ts";

/** Metrics by name; null for a metric without meaning for the cases. */
export type Scores = Readonly<Record<string, number | null>>;

/** A value for each label view. */
export type ByView<T> = Readonly<Record<View, T>>;

/** Brings cases into views, as tables of label columns. Without `space`, the columns are gold union predicted. */
export function labelScorer(cases: readonly LabelCase[], synonyms: Synonyms | undefined, scoring?: Scoring) {
  const interned = intern(cases);
  return (view: View, space?: readonly string[]) =>
    scoredCases(tabulate(interned, viewOf(view, synonyms), space, scoring));
}

/** Every metric in every view. `space` is the training vocabulary, if predictions outside it are one column. */
export function scoreLabels(
  cases: readonly LabelCase[],
  {
    synonyms,
    space,
    ...scoring
  }: Scoring & {
    readonly synonyms?: Synonyms | undefined;
    readonly space?: readonly string[] | undefined;
  } = {},
): ByView<Scores> {
  const scorer = labelScorer(cases, synonyms, scoring);
  return byView((view) => scores(scorer(view, space)));
}

/**
 * The best scores that labels of the training rows can reach: the prediction is gold without the labels that training
 * lacks, in each view.
 */
export function ceiling(
  cases: readonly LabelCase[],
  vocabulary: readonly string[],
  synonyms?: Synonyms,
  space?: readonly string[],
  scoring?: Scoring,
): ByView<Scores> {
  return byView((view) => {
    const of = viewOf(view, synonyms);
    const seen = new Set(vocabulary.map(of));
    const reached = cases.map(({ target }) => ({ target, prediction: target.filter((label) => seen.has(of(label))) }));
    return scores(labelScorer(reached, synonyms, scoring)(view, space));
  });
}

/**
 * Scores the groups of labels in place of labels: whether the right kind of label was predicted. A label in no group is
 * a group of its own, in its canonical form.
 */
export function scoreGroups(
  cases: readonly LabelCase[],
  { groupsOf }: LabelGroups,
  synonyms?: Synonyms,
  minCases?: number,
): Scores {
  const canonical = viewOf("canonical", synonyms);
  const of = (label: string): readonly string[] => {
    const groups = groupsOf(label);
    return groups.length > 0 ? groups : [`(no group) ${canonical(label)}`];
  };
  const grouped = cases.map(({ target, prediction, parsed }) => ({
    target: target.flatMap(of),
    prediction: prediction.flatMap(of),
    parsed,
  }));
  return scores(labelScorer(grouped, undefined, { minCases })("raw"));
}

/** The part of metrics.json that only arms with labels have. */
export type LabelDetails = {
  /** The best scores that labels of the training rows can reach. */
  readonly ceiling: ByView<Scores>;
  /** Scores of the groups of labels; null if the study has no groups file. */
  readonly groups: Scores | null;
  /** For tasks with one label a case. */
  readonly classes: ByView<SingleLabel> | null;
  /** Scores without cases whose gold is not a list of labels (sentences, reasoning); null if there are none. */
  readonly without_dirty_gold: { readonly n: number; readonly views: ByView<Scores> } | null;
  readonly per_label: ByView<readonly LabelRow[]>;
  /** In the basic view. */
  readonly cardinality: Cardinality;
  readonly out_of_set: ByView<{ readonly count: number; readonly predicted: number; readonly rate: number }>;
};

/** Statistics of labels. */
export function labelDetails(
  cases: readonly LabelCase[],
  {
    vocabulary,
    synonyms,
    groups,
    scoring,
    isSingle,
  }: {
    readonly vocabulary: readonly string[];
    readonly synonyms: Synonyms | undefined;
    readonly groups: LabelGroups | undefined;
    readonly scoring: Scoring;
    readonly isSingle: boolean;
  },
): LabelDetails {
  const scorer = labelScorer(cases, synonyms);
  const clean = cases.filter(({ target }) => !isDirty(target));
  const caseGroups = cases.map(({ group }) => group);
  return {
    ceiling: ceiling(cases, vocabulary, synonyms, vocabulary, scoring),
    groups: groups === undefined ? null : scoreGroups(cases, groups, synonyms, scoring.minCases),
    classes: isSingle ? byView((view) => singleLabel(cases, viewOf(view, synonyms))) : null,
    without_dirty_gold:
      clean.length === cases.length
        ? null
        : { n: clean.length, views: scoreLabels(clean, { synonyms, space: vocabulary, ...scoring }) },
    per_label: byView((view) => labelRows(scorer(view, vocabulary).table, caseGroups)),
    cardinality: cardinality(scorer("basic", vocabulary).table),
    out_of_set: byView((view) => outOfSet(cases, vocabulary, viewOf(view, synonyms))),
  };
}

function scores(cases: ScoredCases): Scores {
  return scoresOf(cases, [...labelMetrics]);
}

function byView<T>(of: (view: View) => T): ByView<T> {
  return Object.fromEntries(views.map((view) => [view, of(view)])) as Record<View, T>;
}

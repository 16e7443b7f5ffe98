import { frequencyStrata, wordCount } from "../../data/audit-facts.ts";
import { isNormal } from "../../data/labels/none.ts";
import type { CaseProperty, ComparedCase } from "../../plugins/tasks/category.ts";
import type { Estimate } from "../../util/bounds.ts";
import { f1OfShare } from "../labels/detail.ts";
import { shareBounds } from "../statistics/interval.ts";
import { type CaseScore, f1, scoreCases, type Tally } from "./case.ts";

/** Labels of one kind, each occurrence counted. */
export type LabelStratum = Tally & F1Bounds & { readonly name: string; readonly recall: number; readonly f1: number };

/** The interval of F1 over cases. Absent without labels, and in runs of older versions. */
type F1Bounds = { readonly f1_low?: number; readonly f1_high?: number };

/** Cases of one kind. */
export type CaseStratum = CaseScore &
  F1Bounds & {
    readonly name: string;
    /** The primary metric of the cases; absent for a task with labels, null if it has no value. */
    readonly primary?: number | null;
    /** Its interval over cases. Absent with few cases, if it is undefined, and in runs of older versions. */
    readonly primary_low?: number;
    readonly primary_high?: number;
  };

/** Scores of an arm on strata of the cases and labels. */
export type Strata = {
  /** By the number of training rows that have the label. */
  readonly training_frequency: readonly LabelStratum[];
  /** By group of the label; a label of several groups counts in each. Empty without groups. */
  readonly group: readonly LabelStratum[];
  readonly labels_per_case: readonly CaseStratum[];
  /** By quarters of the input's length in words. */
  readonly input_length: readonly CaseStratum[];
  readonly normality: readonly CaseStratum[];
  /** By the properties that the task defines; absent for a task without. */
  readonly properties?: readonly (CaseStratum & { readonly property: string })[];
};

/** The properties by which cases and labels are stratified. */
export type StrataContext = {
  /** Training rows that have a label, in the view that is analysed. */
  trainingRows(label: string): number;
  groupsOf(label: string): readonly string[];
  input(id: string): string;
  /** Whether parts are labels; if not, only strata of the input are scored. */
  readonly hasLabels: boolean;
  readonly properties?: readonly CaseProperty[] | undefined;
  /** The primary metric of some cases. */
  primary?(cases: readonly ComparedCase[]): Promise<Estimate>;
};

const sizes = [
  { name: "none", from: 0, to: 0 },
  { name: "1", from: 1, to: 1 },
  { name: "2", from: 2, to: 2 },
  { name: "3", from: 3, to: 3 },
  { name: "4-5", from: 4, to: 5 },
  { name: "6 or more", from: 6, to: Number.POSITIVE_INFINITY },
] as const;

/** Scores an arm's cases by strata; strata without cases are omitted. */
export async function strataOf(cases: readonly ComparedCase[], context: StrataContext): Promise<Strata> {
  const frequency = (label: string): readonly string[] => {
    const rows = context.trainingRows(label);
    return frequencyStrata.filter(({ from, to }) => rows >= from && rows <= to).map(({ name }) => name);
  };
  const words = new Map(cases.map(({ id }) => [id, wordCount(context.input(id))]));
  const quarters = quartersOf([...words.values()]);
  const labelled = context.hasLabels ? cases : [];
  const caseStrata = async (
    names: readonly string[],
    casesOf: (name: string, at: number) => readonly ComparedCase[],
  ): Promise<CaseStratum[]> => {
    const strata: CaseStratum[] = [];
    for (const [at, name] of names.entries()) {
      const own = casesOf(name, at);
      if (own.length === 0) continue;
      const concerned = context.hasLabels ? own.flatMap((one) => concernedLabels(one)) : [];
      strata.push({ name, ...scoreCases(own), ...f1Bounds(concerned), ...(await primaryOf(own, context)) });
    }
    return strata;
  };
  const properties: (CaseStratum & { readonly property: string })[] = [];
  for (const property of context.properties ?? []) {
    const values = new Map(cases.map((one) => [one, property.value(one, context.input(one.id))]));
    const strata = await caseStrata(property.values, (value) => cases.filter((one) => values.get(one) === value));
    properties.push(...strata.map((stratum) => ({ property: property.name, ...stratum })));
  }
  return {
    training_frequency: labelStrata(
      labelled,
      frequency,
      frequencyStrata.map(({ name }) => name),
    ),
    group: labelStrata(labelled, context.groupsOf),
    labels_per_case: await caseStrata(
      sizes.map(({ name }) => name),
      (_, at) => {
        const { from, to } = sizes[at] as (typeof sizes)[number];
        return labelled.filter(({ gold }) => within(gold.length, from, to));
      },
    ),
    input_length: await caseStrata(
      quarters.map(({ name }) => name),
      (_, at) => {
        const { from, to } = quarters[at] as (typeof quarters)[number];
        return cases.filter(({ id }) => within(words.get(id) as number, from, to));
      },
    ),
    normality: await caseStrata(["normal", "abnormal"], (name) =>
      labelled.filter(({ gold }) => isNormal(gold) === (name === "normal")),
    ),
    ...(context.properties === undefined ? {} : { properties }),
  };
}

/** The primary metric of cases without labels, with its interval. */
async function primaryOf(
  cases: readonly ComparedCase[],
  { hasLabels, primary }: StrataContext,
): Promise<Pick<CaseStratum, "primary" | "primary_low" | "primary_high">> {
  if (hasLabels || primary === undefined) return {};
  const { value, low, high } = await primary(cases);
  return {
    primary: value,
    ...(low === undefined || high === undefined ? {} : { primary_low: low, primary_high: high }),
  };
}

function labelStrata(
  cases: readonly ComparedCase[],
  strataOfLabel: (label: string) => readonly string[],
  order?: readonly string[],
): LabelStratum[] {
  const tallies = new Map<string, { support: number; predicted: number; hits: number }>();
  const add = (label: string, what: keyof Tally): void => {
    for (const name of strataOfLabel(label)) {
      const tally = tallies.get(name) ?? { support: 0, predicted: 0, hits: 0 };
      tally[what]++;
      tallies.set(name, tally);
    }
  };
  for (const { gold, given, omitted } of cases) {
    const missed = new Set(omitted);
    for (const label of given) add(label, "predicted");
    for (const label of gold) {
      add(label, "support");
      if (!missed.has(label)) add(label, "hits");
    }
  }
  const concerned = new Map<string, Concerned[]>();
  for (const { label, ...one } of cases.flatMap((own) => concernedLabels(own))) {
    for (const name of strataOfLabel(label)) {
      const found = concerned.get(name);
      if (found === undefined) concerned.set(name, [one]);
      else found.push(one);
    }
  }
  const names = order?.filter((name) => tallies.has(name)) ?? [...tallies.keys()].sort();
  return names.map((name) => {
    const tally = tallies.get(name) as Tally;
    return {
      ...{ name, ...tally, recall: tally.support === 0 ? 0 : tally.hits / tally.support, f1: f1(tally) },
      ...f1Bounds(concerned.get(name) ?? []),
    };
  });
}

type Concerned = { readonly isHit: boolean; readonly group: string };

/**
 * The labels that gold or the prediction of a case has. Labels of one case, or of one group of cases, depend on each
 * other.
 */
function concernedLabels({
  id,
  answer,
  gold,
  given,
  omitted,
}: ComparedCase): (Concerned & { readonly label: string })[] {
  const [golden, missed] = [new Set(gold), new Set(omitted)];
  return [...new Set([...gold, ...given])].map((label) => ({
    ...{ label, group: answer.group ?? id },
    isHit: golden.has(label) && !missed.has(label),
  }));
}

/** The interval of F1 from that of the share of hits. */
function f1Bounds(concerned: readonly Concerned[]): F1Bounds {
  if (concerned.length === 0) return {};
  const [low, high] = shareBounds(concerned);
  return { f1_low: f1OfShare(low), f1_high: f1OfShare(high) };
}

const within = (value: number, from: number, to: number): boolean => value >= from && value <= to;

/** Ranges of whole numbers with about a quarter of the values each; fewer ranges if values repeat. */
function quartersOf(values: readonly number[]): { name: string; from: number; to: number }[] {
  const sorted = values.toSorted((a, b) => a - b);
  const ends = [0.25, 0.5, 0.75, 1].map((share) => sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  return [...new Set(ends)].map((to, at, all) => {
    const from = at === 0 ? (sorted[0] ?? 0) : (all[at - 1] as number) + 1;
    return { name: from === to ? `${to} words` : `${from}-${to} words`, from, to };
  });
}

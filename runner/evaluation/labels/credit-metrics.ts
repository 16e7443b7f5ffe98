import type { CounterSet, Metric } from "../../plugins/metrics/metric.ts";
import { editDistance } from "../../util/edit-distance.ts";
import type { Columns, LabelSpace } from "./counters.ts";

/** Sums over cases: what gold and prediction share, and the sizes of both. */
type Credited = { readonly shared: number; readonly gold: number; readonly predicted: number };

const kinds = ["group", "hierarchical", "soft"] as const;
type Kind = (typeof kinds)[number];

/** What partial credit is computed from. `hasGroups`: the study has a groups file. */
type Credits = { readonly hasGroups: boolean } & Readonly<Record<Kind, Credited>>;

/** The counters of partial credit, three for each kind. All amounts are whole numbers, so sums are exact. */
const creditCounters: CounterSet<Columns, Columns, Credits, LabelSpace> = {
  open({ credit: { groupsOf, softDistance } }) {
    let names: readonly string[] = [];
    const nameOf = (column: number): string => names[column] as string;
    const isNear = nearness(softDistance);
    return {
      enter(space) {
        names = space.names;
      },
      contribute(gold, prediction, add) {
        const given = prediction.filter((column) => column >= 0);
        const credit = (kind: Kind, shared: number, ...sizes: readonly [gold: number, predicted: number]): void => {
          for (const [at, amount] of [shared, ...sizes].entries())
            if (amount > 0) add(3 * kinds.indexOf(kind) + at, amount);
        };
        const [golden, predicted] = [new Set(gold), new Set(given)];
        const omitted = gold.filter((column) => !predicted.has(column));
        const added = given.filter((column) => !golden.has(column));
        const both = gold.length - omitted.length;
        const matches =
          omitted.length * added.length > mostPairs
            ? 0
            : most(Array.from(omitted, nameOf), Array.from(added, nameOf), isNear);
        credit("soft", both + matches, gold.length, given.length);
        if (groupsOf === undefined) return;
        const groupsIn = (columns: Columns) => new Set(Array.from(columns, nameOf).flatMap(groupsOf));
        const [own, theirs] = [groupsIn(gold), groupsIn(given)];
        const common = [...own].filter((group) => theirs.has(group)).length;
        const isAlone = (column: number): boolean => groupsOf(nameOf(column)).length === 0;
        const [ownAlone, theirsAlone] = [gold.filter(isAlone), given.filter(isAlone)];
        const commonAlone = ownAlone.filter((column) => predicted.has(column)).length;
        credit("group", common + commonAlone, own.size + ownAlone.length, theirs.size + theirsAlone.length);
        credit("hierarchical", both + common, gold.length + own.size, given.length + theirs.size);
      },
      size: () => 3 * kinds.length,
      reader: () => (sums) => {
        const of = (kind: Kind): Credited => {
          const [shared, gold, predicted] = sums.subarray(3 * kinds.indexOf(kind)) as unknown as [
            number,
            number,
            number,
          ];
          return { shared, gold, predicted };
        };
        return {
          hasGroups: groupsOf !== undefined,
          ...{ group: of("group"), hierarchical: of("hierarchical"), soft: of("soft") },
        };
      },
    };
  },
};

/** Beyond these bounds labels match only if they are equal: the time is in the product of pairs and squared lengths. */
const mostPairs = 10_000;
const longestNear = 1_000;

/** Whether the edit distance of two labels is at most a share of the characters of the longer one. */
function nearness(share: number): (a: string, b: string) => boolean {
  const known = new Map<string, boolean>();
  return (a, b) => {
    if (Math.max(a.length, b.length) > longestNear) return false;
    const key = a < b ? `${a}\n${b}` : `${b}\n${a}`;
    let isNear = known.get(key);
    if (isNear === undefined) {
      const limit = Math.floor(share * Math.max(a.length, b.length));
      isNear = editDistance(a, b, limit + 1) <= limit;
      known.set(key, isNear);
    }
    return isNear;
  };
}

/** The largest number of pairs of a label of each side that match, each label in at most one pair (Kuhn 1955). */
function most(some: readonly string[], others: readonly string[], matches: (a: string, b: string) => boolean): number {
  const partner = new Map<number, number>();
  const find = (own: number, tried: Set<number>): boolean =>
    others.some((other, at) => {
      if (tried.has(at) || !matches(some[own] as string, other)) return false;
      tried.add(at);
      const taken = partner.get(at);
      if (taken !== undefined && !find(taken, tried)) return false;
      partner.set(at, own);
      return true;
    });
  return some.filter((_, own) => find(own, new Set())).length;
}

const f1 = ({ shared, gold, predicted }: Credited): number =>
  gold + predicted === 0 ? 0 : (2 * shared) / (gold + predicted);

const common = { higherIsBetter: true, isUnitScore: true, counters: creditCounters } as const;

const withGroups = (kind: Kind): Pick<Metric<Columns, Columns, Credits, LabelSpace>, "value" | "intervalMethod"> => ({
  value: (credits) => (credits.hasGroups ? f1(credits[kind]) : Number.NaN),
  intervalMethod: ({ hasGroups }) =>
    hasGroups ? "bca" : { none: "there is no groups file (data.labels.groups; exp score: --groups)" },
});

/** Secondary metrics that credit answers that are nearly right. */
export const creditMetrics: readonly Metric<Columns, Columns, Credits, LabelSpace>[] = [
  {
    ...{ name: "group_f1", displayName: "group F1", ...common, ...withGroups("group") },
    definition:
      "F1 over all (case, group) pairs: a label counts as its groups (data.labels.groups), a label without a group as itself",
  },
  {
    ...{ name: "hierarchical_f1", displayName: "hierarchical F1", ...common, ...withGroups("hierarchical") },
    definition: "F1 over all pairs of a case and a label or a group of its labels (Kiritchenko et al. 2005)",
  },
  {
    ...{ name: "soft_f1", displayName: "soft F1", ...common },
    definition:
      "F1 over all (case, label) pairs; labels also match one to one if their edit distance is at most 20 % of the longer one (data.labels.soft_distance)",
    definitionWith: (scoring) =>
      `F1 over all (case, label) pairs; labels also match one to one if their edit distance is at most ${Number((100 * (scoring as { soft_distance: number }).soft_distance).toFixed(1))} % of the longer one`,
    value: ({ soft }) => f1(soft),
  },
];

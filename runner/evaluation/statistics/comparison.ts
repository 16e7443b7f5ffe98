import type { View } from "../../data/labels/views.ts";
import type { Measured, ScoredCases } from "../../plugins/metrics/metric.ts";
import type { ScoredCase } from "../../plugins/tasks/task.ts";
import { UserError } from "../../util/user-error.ts";
import type { Draws, Pause } from "./bootstrap.ts";
import { type Compared, type CompareOptions, compareAll } from "./compare.ts";
import type { NonInferiority } from "./non-inferiority.ts";
import { caseGroups } from "./packed.ts";

/** One answer to one case. */
export type CaseAnswer = {
  readonly id: string;
  readonly gold: unknown;
  readonly prediction: unknown;
  /** False if nothing could be read from the answer. Default: true. */
  readonly parsed?: boolean | undefined;
  /** The group of the case (`data.columns.group`). */
  readonly group?: string | undefined;
} & Measured &
  Pick<ScoredCase<unknown, unknown>, "margins">;

/** An answerer and its answers, one list for each seed that it was trained with. */
export type Answerer = { readonly name: string; readonly seeds: readonly (readonly CaseAnswer[])[] };

/** What comparison.json holds: every arm in one view, over one space, and tests between arms. */
export type Comparison = Compared & {
  readonly n: number;
  readonly view: View;
  readonly primary: string;
  readonly bootstrap: Draws;
  /** Labels of the shared space: those of the training rows of all arms, and of gold. 0 for a task without labels. */
  readonly labels: number;
  /** Number of groups that were resampled and swapped in place of cases; absent if cases are independent. */
  readonly case_groups?: number;
  /** Absent if no reference and margin are declared. */
  readonly non_inferiority?: NonInferiority;
};

/**
 * Compares answers to the same cases, whose groups the first answerer's answers hold. `scorer` brings cases into the
 * view, over the shared space. Throws UserError `cases-differ` if two answerers have other cases or other gold.
 */
export async function compareAnswers(
  answerers: readonly Answerer[],
  {
    view,
    scorer,
    ...options
  }: Omit<CompareOptions, "groups"> & {
    readonly view: View;
    scorer(cases: readonly ScoredCase<unknown, unknown>[]): ScoredCases;
  },
  pause?: Pause,
): Promise<Comparison> {
  const [first] = answerers;
  const cases = first?.seeds[0] ?? [];
  const arms = answerers.map(({ name, seeds }) => ({
    name,
    seeds: seeds.map((answers) => scorer(matched(cases, answers, [first?.name ?? "", name]))),
  }));
  const groups = caseGroups(cases.map(({ group }) => group));
  const compared = await compareAll(arms, { ...options, groups }, pause);
  const { resamples, seed } = options.bootstrap;
  const space = arms[0]?.seeds[0]?.space as { readonly labels?: readonly string[] } | undefined;
  return {
    n: cases.length,
    view,
    primary: options.primary,
    bootstrap: { resamples, seed },
    labels: space?.labels?.length ?? 0,
    ...(groups === undefined ? {} : { case_groups: groups.count }),
    ...compared,
  };
}

/** The answers to cases, in the order of the cases. */
function matched(
  cases: readonly CaseAnswer[],
  answers: readonly CaseAnswer[],
  names: readonly [string, string],
): readonly ScoredCase<unknown, unknown>[] {
  const own = new Map(answers.map((answer) => [answer.id, answer]));
  const rows = cases.map(({ id, gold }) => {
    const answer = own.get(id);
    if (answer === undefined || !isEqual(answer.gold, gold)) throw casesDiffer(names, id);
    const { prediction, parsed, judgement, similarity, margins } = answer;
    return { target: gold, prediction, parsed, judgement, similarity, margins };
  });
  if (own.size > cases.length) {
    const known = new Set(cases.map(({ id }) => id));
    const extra = answers.find(({ id }) => !known.has(id));
    if (extra !== undefined) throw casesDiffer(names, extra.id);
  }
  return rows;
}

function casesDiffer([one, other]: readonly [string, string], id: string): UserError {
  return new UserError(
    "cases-differ",
    `${one} and ${other} were not scored on the same cases: they differ in case ${id}`,
    {
      help: "compare experiments with the same test file and the same data.columns, or files with the same ids and gold",
      status: "invalid",
    },
  );
}

/** Whether two targets are equal. Targets are JSON values; comparing lists item by item saves writing them as text. */
function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, at) => isEqual(item, b[at]));
  return typeof a === "object" && JSON.stringify(a) === JSON.stringify(b);
}

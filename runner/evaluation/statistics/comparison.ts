import type { View, ViewOf } from "../../data/labels/views.ts";
import { UserError } from "../../util/user-error.ts";
import type { MetricName } from "../metrics/metrics.ts";
import { intern, tabulate } from "../metrics/table.ts";
import type { Draws, Pause } from "./bootstrap.ts";
import { type Compared, type Comparing, compareAll } from "./compare.ts";

/** One answer to one case. */
export type Answer = { readonly id: string; readonly gold: readonly string[]; readonly labels: readonly string[] };

/** An answerer and its answers, one list for each seed that it was trained with. */
export type Answerer = { readonly name: string; readonly seeds: readonly (readonly Answer[])[] };

/** What comparison.json holds: every arm in one view, over one label space, and tests between them. */
export type Comparison = Compared & {
  readonly n: number;
  readonly view: View;
  readonly primary: MetricName;
  readonly bootstrap: Draws;
  /** Labels of the shared space: those of every arm's training rows, and of gold. All other predictions are one more. */
  readonly labels: number;
};

/** The error for two answerers whose cases or gold labels differ. */
function casesDiffer([a, b]: readonly [string, string], id: string): UserError {
  return new UserError("cases-differ", `${a} and ${b} were not scored on the same cases: see ${id}`, {
    help: "compare experiments whose test files and label columns are the same",
  });
}

/** Compares answers to the same cases. `space` holds the labels of all training rows. Throws UserError `cases-differ`. */
export async function compareAnswers(
  answerers: readonly Answerer[],
  {
    view,
    of,
    space,
    ...comparing
  }: Comparing & { readonly view: View; readonly of: ViewOf; readonly space: Iterable<string> },
  pause?: Pause,
): Promise<Comparison> {
  const [first] = answerers;
  const cases = first?.seeds[0] ?? [];
  const known = [...space];
  const contestants = answerers.map(({ name, seeds }) => ({
    name,
    seeds: seeds.map((answers) => {
      const own = new Map(answers.map((answer) => [answer.id, answer]));
      const extra =
        answers.length > cases.length ? answers.find(({ id }) => !cases.some((one) => one.id === id)) : undefined;
      const rows = cases.map(({ id, gold }) => {
        const answer = own.get(id);
        if (answer === undefined || !same(answer.gold, gold)) throw casesDiffer([first?.name ?? "", name], id);
        return { id, gold, pred: answer.labels };
      });
      if (extra !== undefined) throw casesDiffer([first?.name ?? "", name], extra.id);
      return tabulate(intern(rows), of, known);
    }),
  }));
  const compared = await compareAll(contestants, comparing, pause);
  const { resamples, seed } = comparing.bootstrap;
  return {
    n: cases.length,
    view,
    primary: comparing.primary,
    bootstrap: { resamples, seed },
    labels: contestants[0]?.seeds[0]?.labels.length ?? 0,
    ...compared,
  };
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((label, index) => label === b[index]);
}

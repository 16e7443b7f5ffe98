import type { View, ViewOf } from "../../data/labels/views.ts";
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

/** Two answerers have not answered the same cases, or their gold differs. */
export class CasesDiffer extends Error {
  readonly names: readonly [string, string];
  readonly id: string;

  constructor(names: readonly [string, string], id: string) {
    super(`${names[0]} and ${names[1]} were not scored on the same cases: see ${id}`);
    this.names = names;
    this.id = id;
  }
}

/** Compares answers to the same cases. `space` holds the labels of all training rows. Throws CasesDiffer. */
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
        if (answer === undefined || !same(answer.gold, gold)) throw new CasesDiffer([first?.name ?? "", name], id);
        return { id, gold, pred: answer.labels };
      });
      if (extra !== undefined) throw new CasesDiffer([first?.name ?? "", name], extra.id);
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

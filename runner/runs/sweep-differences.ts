import type { View } from "../data/labels/views.ts";
import { compareAnswers } from "../evaluation/statistics/comparison.ts";
import type { MaybeBounds } from "../util/bounds.ts";
import { UserError } from "../util/user-error.ts";
import type { Ablation } from "./ablation.ts";
import type { FinishedRun } from "./finished-runs.ts";
import { subjectOf } from "./run-arms.ts";
import { answersOf, vocabularyOf } from "./run-outputs.ts";
import { runTask } from "./run-task.ts";

/** Paired differences in the primary metric between the settings of a sweep and its first setting, on the same cases. */
export type SettingDifferences = {
  readonly metric: string;
  readonly view: View;
  /** Position of the reference among the settings. */
  readonly reference: number;
  /** The other settings; p-values are adjusted over all of them with Holm's method. */
  readonly tests: readonly (MaybeBounds & {
    readonly setting: number;
    readonly difference: number;
    readonly detectable: number | null;
    readonly p: number;
    readonly adjusted: number;
  })[];
};

/** Settings that are compared: the number of pairs grows with its square. */
const mostSettings = 12;

/** Whether a sweep varies the prompt. */
export const variesPrompt = ({ keys }: Pick<Ablation, "keys">): boolean =>
  keys.some((key) => key.startsWith("prompt."));

/**
 * Compares the settings of a sweep without a selection, given the runs of each setting. Undefined if there are fewer than two or
 * more than twelve settings, if predictions are missing or have other cases, or if the study brings
 * the primary metric: a report runs no code of a study.
 */
export async function settingDifferences(
  settings: readonly (readonly FinishedRun[])[],
  { root, artifacts }: { readonly root: string; readonly artifacts: string },
): Promise<SettingDifferences | undefined> {
  const first = settings[0]?.[0];
  if (first === undefined || settings.length < 2 || settings.length > mostSettings) return undefined;
  const { bootstrap, primary } = first.manifest.config.evaluate;
  const { metric, view } = primary;
  try {
    const { task, open } = await runTask(first, root);
    const measured = task.metrics.find(metric);
    if (measured === undefined) return undefined;
    const space = [...new Set(settings.flat().flatMap((run) => vocabularyOf(run, artifacts)))];
    const answerers = settings.map((runs, at) => ({
      name: String(at),
      seeds: runs.map((run) => answersOf(run, subjectOf(run), artifacts)),
    }));
    const { pairs, family } = await compareAnswers(answerers, {
      ...{ view, bootstrap, subject: "0", primary: metric, metrics: [measured], planned: undefined },
      scorer: (cases) => open.scorer(cases)(view, space),
    });
    const tests = family.tests.flatMap(({ against, p, adjusted }) => {
      const found = pairs.find(({ a, b }) => a === "0" && b === against)?.metrics[metric];
      if (found === undefined) return [];
      // The pair is the first setting minus the other one.
      const bounds = found.low === undefined ? {} : { low: -found.high, high: -found.low };
      const { difference, detectable = null } = found;
      return [{ setting: Number(against), difference: -difference, ...bounds, detectable, p, adjusted }];
    });
    return { metric, view, reference: 0, tests };
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

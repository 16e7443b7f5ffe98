import { replayNotice } from "../../config/replay-notice.ts";
import { replayedArms } from "../../runs/replayed-arms.ts";
import { armNamingOf } from "./display-names.ts";
import type { RunFacts } from "./study.ts";

/** `replayNotice` for the replayed arms of runs. */
export function replayNoticeOf(runs: readonly Pick<RunFacts, "experiment" | "steps">[]): string | undefined {
  const replayed = runs.flatMap((run) =>
    replayedArms(run).map(({ arm, file, made_by }) => ({
      experiment: arm.includes(".") ? arm.slice(0, arm.lastIndexOf(".")) : run.experiment,
      file: file ?? arm,
      made_by,
    })),
  );
  // Several runs can replay the same file.
  return replayNotice([...new Map(replayed.map((one) => [`${one.experiment} ${one.file}`, one])).values()]);
}

/** The statement on a study without training. */
export const noTrainingText = (runs: readonly RunFacts[]): string =>
  runs.some((run) => replayedArms(run).length > 0)
    ? "No model was trained: the predictions were replayed from files."
    : "No model was trained: the base model generates its predictions from the prompt.";

/** The entry of the limitations section on replayed predictions; none if no predictions were replayed. */
export function replayLimits(runs: readonly RunFacts[]): readonly string[] {
  const arms = runs.flatMap((run) => replayedArms(run).map((one) => ({ ...one, name: armNamingOf(run)(one.arm) })));
  if (arms.length === 0) return [];
  const sources = [...new Set(arms.map(({ name, file }) => `${name}${file === null ? "" : ` from ${file}`}`))];
  const list = sources.length > mostSources ? "" : ` (${sources.join("; ")})`;
  return [
    `${replayNoticeOf(runs)} Time, memory and token counts of the replayed arms${list} are not recorded, and the study does not verify how their predictions were generated.`,
  ];
}

/** Replayed arms that one sentence lists. */
const mostSources = 6;

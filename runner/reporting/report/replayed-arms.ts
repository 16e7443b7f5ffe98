import { replayWarning } from "../../plugins/engines/replay/index.ts";
import { replayedArms } from "../../runs/replayed-arms.ts";
import { armWord } from "./display-names.ts";
import type { RunFacts } from "./study.ts";

/** What must stand on every page where answers were replayed; undefined where none were. */
export function replayWarningOf(runs: readonly Pick<RunFacts, "experiment" | "steps">[]): string | undefined {
  const answers = runs.flatMap((run) =>
    replayedArms(run).map(({ arm, file, made_by }) => ({
      experiment: arm.includes(".") ? arm.slice(0, arm.lastIndexOf(".")) : run.experiment,
      // A file that several runs were given is one file.
      file: file ?? arm,
      made_by,
    })),
  );
  return replayWarning([...new Map(answers.map((one) => [`${one.experiment} ${one.file}`, one])).values()]);
}

/** The same for the limits of a study, with the files of a few arms by their names. */
export function replayLimits(runs: readonly RunFacts[]): readonly string[] {
  const arms = runs.flatMap(replayedArms);
  if (arms.length === 0) return [];
  const named = [...new Set(arms.map(({ arm, file }) => `${armWord(arm)}${file === null ? "" : ` from ${file}`}`))];
  const which = named.length > mostNamed ? "" : ` (${named.join("; ")})`;
  return [
    `${replayWarningOf(runs)} No model gave them here${which}: times, memory and tokens of these arms are not on record, and their scores are worth what the files are.`,
  ];
}

/** Replayed arms that a sentence can name. */
const mostNamed = 6;

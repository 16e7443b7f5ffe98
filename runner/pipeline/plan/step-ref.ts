/**
 * The name of a step in a run, as data. Files and the terminal show its text form:
 *
 *     train                       a step of the run itself
 *     train@lora-4b               the same of the compared experiment "lora-4b"
 *     evaluate.tuned              a step of an arm
 *     evaluate.lora-4b.tuned      the same of a compared experiment
 *     generate.tuned@validation   answers to other rows than the evaluated ones
 *     select.2                    the selection after rung 2 of successive halving, or round 2 of TPE
 */
export type StepRef = {
  /** What the step does: "train", "generate", "evaluate". Several step kinds may generate. */
  readonly stage: string;
  /** The arm in its own experiment: "tuned". */
  readonly arm?: string | undefined;
  /** The compared experiment that the step belongs to. Absent: the run's own. */
  readonly experiment?: string | undefined;
  /** The rows that a generation answers, if they are not the evaluated ones. */
  readonly split?: string | undefined;
  /** The rung of successive halving, or round of TPE, that a selection follows, from 1 on. Absent: the last one. */
  readonly rung?: number | undefined;
};

/** The text form of a reference. */
export function formatStepRef({ stage, arm, experiment, split, rung }: StepRef): string {
  if (rung !== undefined) return `${stage}.${rung}`;
  if (arm === undefined) return experiment === undefined ? stage : `${stage}@${experiment}`;
  const name = `${stage}.${formatArm({ arm, experiment })}`;
  return split === undefined ? name : `${name}@${split}`;
}

/** Reads the text form. Arms and splits have no "." or "@" in their names; experiments may have ".". */
export function parseStepRef(text: string): StepRef {
  const dot = text.indexOf(".");
  const at = text.indexOf("@");
  if (at >= 0 && (dot < 0 || at < dot)) return { stage: text.slice(0, at), experiment: text.slice(at + 1) };
  if (dot < 0) return { stage: text };
  const stage = text.slice(0, dot);
  const [name = "", split] = text.slice(dot + 1).split("@");
  if (/^\d+$/.test(name)) return { stage, rung: Number(name) };
  return { stage, ...parseArm(name), ...(split === undefined ? {} : { split }) };
}

/** The name of an arm in a run: "tuned", or "lora-4b.tuned" for an arm of a compared experiment. */
export function formatArm({ arm, experiment }: Pick<StepRef, "arm" | "experiment">): string {
  return experiment === undefined ? `${arm}` : `${experiment}.${arm}`;
}

/** Reads the name of an arm in a run. */
export function parseArm(name: string): { readonly arm: string; readonly experiment?: string } {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? { arm: name } : { arm: name.slice(dot + 1), experiment: name.slice(0, dot) };
}

/** The step of a stage that belongs to an arm, by the arm's name in the run: ("evaluate", "lora-4b.tuned"). */
export function stepOfArm(stage: string, name: string, split?: string): string {
  return formatStepRef({ stage, ...parseArm(name), split });
}

/**
 * The arm of a step by its name in the run: "evaluate.lora-4b.tuned" -> "lora-4b.tuned". Throws if the step has none.
 */
export function armOfStep(step: string): string {
  const { arm, experiment } = parseStepRef(step);
  if (arm === undefined) throw new Error(`step ${step} belongs to no arm`);
  return formatArm({ arm, experiment });
}

/** The task by which `exp score` scores cases, and its options. */
import type { View } from "../data/labels/views.ts";
import type { FileCase } from "../evaluation/labels/predictions.ts";
import type { LabelCase } from "../evaluation/labels/table.ts";
import type { ScoredCases } from "../plugins/metrics/metric.ts";
import { tasks } from "../plugins/tasks/registry.ts";
import type { Task } from "../plugins/tasks/task.ts";
import type { Context } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";
import { readLabelText } from "./score-cases.ts";

/** Whether every case has one gold label. */
const isOneLabel = (cases: readonly FileCase[]): boolean =>
  cases.length > 0 && cases.every(({ gold }) => gold.length === 1);

/** The task of cases with labels. */
export function labelTaskOf(cases: readonly FileCase[]): Task {
  const isSingle = isOneLabel(cases);
  return [...tasks].find(({ labels }) => labels?.isSingle === isSingle) as Task;
}

/** Options that only cases with labels have. */
const labelOptions = ["separator", "synonyms", "groups", "softDistance"] as const;

/** Cases of a task without labels, each with its target and its answer as one text. */
type TextCases = {
  scorer(cases: readonly LabelCase[]): (view: View) => ScoredCases;
  /** The target as a run has it. */
  targetOf(gold: readonly string[]): unknown;
};

/** The last part of the key of a schema file among the settings that a task requires. */
const isSchemaKey = (key: string): boolean => key.endsWith(".schema");

/** Scores cases of a task without labels. Throws UserError for an option or a target that the task does not have. */
export async function textsOf(
  task: Task,
  options: Readonly<Partial<Record<(typeof labelOptions)[number], unknown>>> & {
    readonly schema?: string | undefined;
    readonly tolerance?: number | undefined;
  },
  context: Context,
): Promise<TextCases> {
  const unused = labelOptions.find((name) => options[name] !== undefined);
  if (unused !== undefined) {
    const option = unused === "softDistance" ? "soft-distance" : unused;
    throw new UserError("bad-option", `--${option} is for labels, and task ${task.name} has none`, {
      help: "remove it",
      status: "invalid",
    });
  }
  const { schema, tolerance } = options;
  if (!task.requires?.some(isSchemaKey)) refuseSchema(options, task.name);
  const file = schema === undefined ? undefined : { path: schema, text: readLabelText(schema, context) };
  const open = await task.open(null, (key) => (isSchemaKey(key) ? file : undefined), { tolerance: tolerance ?? 0 });
  const labels = new Set<string>();
  const targetOf = (gold: readonly string[]): unknown => {
    const { target, problem, help } = open.readCell(gold[0] ?? "");
    if (problem === undefined) return target;
    throw new UserError("invalid-predictions", `gold ${(gold[0] ?? "").slice(0, 80)}: ${problem}`, {
      ...(help === undefined ? {} : { help }),
      status: "invalid",
    });
  };
  return {
    targetOf,
    scorer: (cases) =>
      open.scorer(
        cases.map(({ target, prediction, parsed = true }) => {
          const answer = open.parseAnswer(prediction[0] ?? "", { labels });
          return { target: targetOf(target), prediction: answer.prediction, parsed: parsed && answer.parsed };
        }),
      ),
  };
}

/** Throws UserError `bad-option` for an option that only tasks with a schema have. */
export function refuseSchema(
  options: { readonly schema?: string | undefined; readonly tolerance?: number | undefined },
  task: string,
): void {
  const used = (["schema", "tolerance"] as const).find((name) => options[name] !== undefined);
  if (used === undefined) return;
  throw new UserError("bad-option", `--${used} is for a task with a JSON Schema, and task ${task} has none`, {
    help: "remove it",
    status: "invalid",
  });
}

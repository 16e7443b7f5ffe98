import { engines } from "../../plugins/engines/registry.ts";
import type { Generation } from "../../plugins/experiment.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import type { CheckContext } from "./context.ts";
import { needFile } from "./data.ts";

/** Runs the checks of the engine, and checks keys of `generate` that contradict each other. */
export function checkGenerate(context: CheckContext): void {
  const { generate } = context.experiment;
  const engine = engines.find(generate.engine);
  if (engine === undefined) return;
  engine.check?.({ ...context, needFile: (path, file) => needFile(context, path, file, "data file") });
  checkSampling(context, generate);
  checkScores(context, engine.scoresLabels === true);
}

/** What scores of labels, and a threshold of them, need. */
function checkScores(context: CheckContext, canScore: boolean): void {
  const { generate, data, prompt, task } = context.experiment;
  const { engine, scores, decision, constrain = "none" } = generate;
  if (decision === "threshold" && scores !== "labels") {
    const message = "generate.decision: threshold needs scores of labels";
    context.error("generate.decision", "threshold-without-scores", message, "write generate.scores: labels");
  }
  if (decision === "threshold" && data.validation === undefined) {
    const message =
      "generate.decision: threshold needs validation rows for its threshold, and data.validation is missing";
    const help = "add data.validation, such as {fraction: 0.1}, or write generate.decision: answer";
    context.error("generate.decision", "needs-validation", message, help);
  }
  if (scores !== "labels") return;
  const place = "generate.scores";
  if (tasks.get(task).labels === undefined)
    context.error(place, "task-unsupported", `scores: labels needs a task with labels, not ${task}`, "remove it");
  if (!canScore) {
    const able = [...engines].flatMap((one) => (one.scoresLabels ? [one.name] : [])).join(" or ");
    const message = `engine ${engine} gives no scores of labels`;
    context.error(place, "engine-unsupported", message, `write generate.engine: ${able}, or generate.scores: none`);
  }
  if (constrain === "json") {
    const message =
      "generate.scores: labels needs answers in the form of the training rows, and constrain: json forces another";
    context.error("generate.constrain", "scored-form", message, "write generate.constrain: labels or none");
  }
  if (prompt.thinking) {
    const message = "generate.scores and prompt.thinking exclude each other: the first label does not begin the answer";
    context.error(place, "scored-form", message, "write prompt.thinking: false");
  }
}

/** Keys that have no effect, or a bad one, together with others. */
function checkSampling(context: CheckContext, { temperature = 0, top_p, top_k, vote, constrain }: Generation): void {
  for (const [key, value] of Object.entries({ top_p, top_k })) {
    if (temperature > 0 || value === undefined) continue;
    const message = `generate.${key} has no effect at temperature 0`;
    context.error(`generate.${key}:`, "greedy-sampling", message, "remove it, or set generate.temperature");
  }
  if (vote !== undefined && temperature === 0) {
    const message = "generate.vote has no effect at temperature 0, because all answers of a case are equal";
    context.error("generate.vote:", "greedy-sampling", message, "write generate.temperature: 0.7, or remove vote");
  }
  if (constrain !== undefined && constrain !== "none" && context.experiment.prompt.thinking) {
    const message =
      "generate.constrain and prompt.thinking exclude each other: a constrained answer cannot contain reasoning";
    context.error("generate.constrain", "constrained-thinking", message, "write prompt.thinking: false");
  }
}

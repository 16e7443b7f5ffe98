import { engines } from "../../plugins/engines/registry.ts";
import type { Generation } from "../../plugins/experiment.ts";
import type { CheckContext } from "./context.ts";
import { needFile } from "./data.ts";

/** Runs the checks of the engine, and checks keys of `generate` that contradict each other. */
export function checkGenerate(context: CheckContext): void {
  const { generate } = context.experiment;
  const engine = engines.find(generate.engine);
  if (engine === undefined) return;
  engine.check?.({ ...context, needFile: (path, file) => needFile(context, path, file, "data file") });
  checkSampling(context, generate);
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

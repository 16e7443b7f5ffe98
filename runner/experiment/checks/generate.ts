import { engines } from "../../engines/index.ts";
import type { CheckContext } from "../check.ts";
import { needFile } from "./data.ts";

/** What the engine can do of what was asked. */
export function checkGenerate(context: CheckContext): void {
  const { generate } = context.experiment;
  const engine = engines[generate.engine];
  if (engine?.unavailable !== undefined) {
    context.error("generate.engine", "not-available", engine.unavailable.message, engine.unavailable.help);
    return;
  }
  if (generate.engine === "replay") {
    if (needFile(context, "generate.file", generate.file) && !generate.file.endsWith(".jsonl")) {
      context.error("generate.file", "bad-format", "a replayed file is .jsonl", "write one {id, text} a line");
    }
    return;
  }
  checkSampling(context, generate);
}

type Model = Exclude<CheckContext["experiment"]["generate"], { readonly engine: "replay" }>;

/** Keys that do nothing, or nothing good, beside others. */
function checkSampling(context: CheckContext, generate: Model): void {
  const samples = generate.temperature > 0;
  for (const key of ["top_p", "top_k"] as const) {
    if (!(key in generate) || generate[key] === undefined || samples) continue;
    context.error(
      `generate.${key}:`,
      "greedy-sampling",
      `${key} does nothing at temperature 0`,
      "take it out, or set a temperature",
    );
  }
  if (generate.vote !== undefined && !samples) {
    const message = "at temperature 0 all answers of a vote are the same";
    context.error("generate.vote:", "greedy-sampling", message, "write generate.temperature: 0.7, or take vote out");
  }
  if (generate.constrain !== "none" && context.experiment.prompt.thinking) {
    const message = "an answer that is held to its form leaves no room to think";
    context.error("generate.constrain", "constrained-thinking", message, "write prompt.thinking: false");
  }
}

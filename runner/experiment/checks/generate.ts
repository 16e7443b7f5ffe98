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
  if (generate.engine !== "transformers") return;
  const notYet = (path: string, what: string, help: string) =>
    context.error(path, "not-available", `${what} is not available yet`, help);
  if (generate.precision === "4bit") notYet("generate.precision", "4bit generation", "use 16bit or 32bit");
  if (generate.constrain !== "none") notYet("generate.constrain", "constrained generation", "use none");
  if (generate.vote !== undefined) notYet("generate.vote:", "voting", "leave the key out");
  for (const key of ["top_p", "top_k"] as const) {
    if (generate[key] === undefined || generate.temperature > 0) continue;
    context.error(
      `generate.${key}:`,
      "greedy-sampling",
      `${key} does nothing at temperature 0`,
      "take it out, or set a temperature",
    );
  }
}

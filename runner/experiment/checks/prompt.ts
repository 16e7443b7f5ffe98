import type { CheckContext } from "../check.ts";

/** Templates that are there, and thinking that has room to think. */
export function checkPrompt(context: CheckContext): void {
  const { prompt, generate, train } = context.experiment;
  const needsZeroShot = train !== undefined && generate.engine !== "replay";
  for (const key of ["template", "zero_shot"] as const) {
    if (key === "zero_shot" && !needsZeroShot && !context.wrote("prompt.zero_shot")) continue;
    const file = prompt[key];
    if (context.files.kind(file) === "file") continue;
    const help = "prompts/… is relative to the project root, anything else to the YAML file";
    context.error(`prompt.${key}`, "missing-template", `there is no template ${context.display(file)}`, help);
  }
  if (prompt.examples.count > 0) {
    const help = "write examples into the template, or leave the key out";
    context.error("prompt.examples.count", "not-available", "few-shot examples are not available yet", help);
  }
  if (!prompt.thinking || !("temperature" in generate)) return;
  if (generate.temperature === 0) {
    const help = "write generate.temperature: 0.6, or thinking: false";
    context.error(
      "prompt.thinking",
      "thinking-greedy",
      "thinking needs sampling: at temperature 0 it runs in circles",
      help,
    );
  }
  if (generate.max_new_tokens < 512) {
    const message = `thinking does not fit into ${generate.max_new_tokens} new tokens`;
    const help = "write generate.max_new_tokens: 2048, or thinking: false";
    context.error("prompt.thinking", "thinking-short", message, help);
  }
}

import { engines } from "../../plugins/engines/registry.ts";
import type { CheckContext } from "./context.ts";

/** Templates that are there and show what they are given, and thinking that has room to think. */
export function checkPrompt(context: CheckContext): void {
  const { prompt, generate, train } = context.experiment;
  const needsZeroShot = train !== undefined && engines.find(generate.engine)?.recorded === undefined;
  for (const key of ["template", "zero_shot"] as const) {
    if (key === "zero_shot" && !needsZeroShot && !context.wrote("prompt.zero_shot")) continue;
    const file = prompt[key];
    if (context.files.kind(file) === "file") continue;
    const help = "prompts/… is relative to the project root, anything else to the YAML file";
    context.error(`prompt.${key}`, "missing-template", `there is no template ${context.display(file)}`, help);
  }
  if (prompt.examples.count > 0 && !mentions(context, prompt.template, "examples")) {
    const message = `${context.display(prompt.template)} has no place for examples`;
    const help = "take prompts/few-shot.hbs, add {{#each examples}}…{{/each}} to the template, or leave examples out";
    context.error("prompt.examples.count", "unused-examples", message, help);
  }
  const { temperature, max_new_tokens } = generate;
  if (!prompt.thinking || temperature === undefined || max_new_tokens === undefined) return;
  if (temperature === 0) {
    const help = "write generate.temperature: 0.6, or thinking: false";
    context.error(
      "prompt.thinking",
      "thinking-greedy",
      "thinking needs sampling: at temperature 0 it runs in circles",
      help,
    );
  }
  if (max_new_tokens < 512) {
    const message = `thinking does not fit into ${max_new_tokens} new tokens`;
    const help = "write generate.max_new_tokens: 2048, or thinking: false";
    context.error("prompt.thinking", "thinking-short", message, help);
  }
}

/** Whether a template names a variable; one that cannot be read is complained about elsewhere. */
function mentions(context: CheckContext, template: string, variable: string): boolean {
  const bytes = context.files.read(template);
  if (bytes === undefined) return true;
  const text = new TextDecoder().decode(bytes).replace(/\{\{!(--[\s\S]*?--|[^}]*)\}\}/g, "");
  return new RegExp(`\\{\\{[^}]*\\b${variable}\\b`).test(text);
}

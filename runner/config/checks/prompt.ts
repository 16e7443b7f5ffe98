import { engines } from "../../plugins/engines/registry.ts";
import { fileLimits } from "../../util/regular-file.ts";
import type { CheckContext } from "./context.ts";
import { needFile } from "./data.ts";

/** Checks that templates exist and use their variables, and that reasoning has enough tokens. */
export function checkPrompt(context: CheckContext): void {
  const { prompt, generate, train } = context.experiment;
  const needsZeroShot = train !== undefined && engines.find(generate.engine)?.recorded === undefined;
  for (const key of ["template", "zero_shot"] as const) {
    if (key === "zero_shot" && !needsZeroShot && !context.wrote("prompt.zero_shot")) continue;
    const file = prompt[key];
    if (file === undefined) continue;
    if (context.files.kind(file) !== undefined) {
      needFile(context, `prompt.${key}`, file, "template");
      continue;
    }
    const help = "a path below prompts/ is relative to the project root, any other to the YAML file";
    context.error(`prompt.${key}`, "missing-template", `template ${context.display(file)} does not exist`, help);
  }
  if (prompt.examples.count > 0 && !mentions(context, prompt.template, "examples")) {
    const message = `${context.display(prompt.template)} does not use the variable examples`;
    const help =
      "use prompts/few-shot.hbs, add {{#each examples}}…{{/each}} to the template, or remove prompt.examples";
    context.error("prompt.examples.count", "unused-examples", message, help);
  }
  const showsCandidates = ["candidates", "predicted"].some((variable) => mentions(context, prompt.template, variable));
  if (prompt.candidates !== undefined && !showsCandidates) {
    const message = `${context.display(prompt.template)} does not use the variable candidates`;
    const help = "add {{#each candidates}}…{{/each}} to the template, or remove prompt.candidates";
    context.error("prompt.candidates:", "unused-candidates", message, help);
  }
  const untrained = train === undefined ? prompt.template : prompt.zero_shot;
  for (const file of new Set([prompt.template, untrained])) {
    for (const [key, variables, code] of [
      ["labels", ["labels"], "unset-labels"],
      ["candidates", ["candidates", "predicted"], "unset-candidates"],
    ] as const) {
      if (file === undefined || prompt[key] !== undefined) continue;
      const variable = variables.find((name) => mentions(context, file, name));
      if (variable === undefined || isConditional(context, file, variables)) continue;
      const message = `${context.display(file)} uses the variable ${variable}, which is empty without prompt.${key}`;
      const help = `add prompt.${key}: {}, remove the list from the template, or enclose it in {{#if ${variable}}}…{{/if}}`;
      context.error("prompt", code, message, help);
    }
  }
  const { temperature, max_new_tokens } = generate;
  if (!prompt.thinking || temperature === undefined || max_new_tokens === undefined) return;
  if (temperature === 0) {
    const help = "write generate.temperature: 0.6, or thinking: false";
    context.error(
      "prompt.thinking",
      "thinking-greedy",
      "thinking needs sampling: at temperature 0 the reasoning repeats itself",
      help,
    );
  }
  if (max_new_tokens < 512) {
    const message = `${max_new_tokens} new tokens are too few for thinking`;
    const help = "write generate.max_new_tokens: 2048, or thinking: false";
    context.error("prompt.thinking", "thinking-short", message, help);
  }
}

/** Whether a template has a condition on one of the variables, or is no file, which another check reports. */
function isConditional(context: CheckContext, template: string, variables: readonly string[]): boolean {
  if (context.files.kind(template) !== "file") return true;
  return variables.some((variable) => mentions(context, template, `(?:if|unless) +${variable}`));
}

/** Whether a template uses a variable. True for a file that cannot be read, which another check reports. */
function mentions(context: CheckContext, template: string, variable: string): boolean {
  const bytes = context.files.read(template, fileLimits.template);
  if (bytes === undefined) return true;
  const text = withoutComments(new TextDecoder().decode(bytes));
  return new RegExp(`\\{\\{[^{}]*\\b${variable}\\b`).test(text);
}

/** A template without its comments. Takes linear time, also for comments that do not end. */
function withoutComments(template: string): string {
  let text = "";
  for (let at = 0; ; ) {
    const start = template.indexOf("{{!", at);
    if (start < 0) return text + template.slice(at);
    const end = template.startsWith("--", start + 3) ? "--}}" : "}}";
    const stop = template.indexOf(end, start + 3);
    text += template.slice(at, start);
    if (stop < 0) return text;
    at = stop + end.length;
  }
}

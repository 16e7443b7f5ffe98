import type { Arm } from "./arms.ts";

/** The rows that are answered: those that are scored, or those that choose. Also the file of their prompts. */
export type Part = "eval" | "validation";

/** The step that has an arm's answers: "generate.tuned", and "generate.tuned@validation" for those that choose something. */
export function answersTo(part: Part, arm: Arm): string {
  return part === "eval" ? `generate.${arm}` : `generate.${arm}@${part}`;
}

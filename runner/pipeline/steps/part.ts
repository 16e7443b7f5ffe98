import { formatStepRef } from "../plan/step-ref.ts";
import type { Arm } from "./arms.ts";

/** The rows that are answered: the evaluated ones, or those for selection. Also the file of their prompts. */
export type Part = "eval" | "validation";

/**
 * The step that generates an arm's answers: "generate.tuned", or "generate.tuned@validation" for answers that select
 * something.
 */
export function generateStep(arm: Arm, part: Part = "eval"): string {
  return formatStepRef({ stage: "generate", arm, split: part === "eval" ? undefined : part });
}

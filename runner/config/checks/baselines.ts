import type { CheckContext } from "./context.ts";

/** An ensemble has validation rows for its weights, and is scored on other rows. */
export function checkBaselines(context: CheckContext): void {
  const { baselines, data, evaluate } = context.experiment;
  const place = `baselines.${baselines.indexOf("ensemble")}`;
  if (!baselines.includes("ensemble")) return;
  if (data.validation === undefined) {
    const message = "an ensemble needs validation rows for its weights, and data.validation is missing";
    const help = "add data.validation, such as {fraction: 0.1}, or remove ensemble";
    context.error(place, "needs-validation", message, help);
  }
  if (evaluate.split === "validation") {
    const message = "the weights of an ensemble are chosen on validation rows, so it cannot be scored on them";
    context.error(place, "scored-on-choice", message, "set evaluate: {split: test}, or remove ensemble");
  }
}

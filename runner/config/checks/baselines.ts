import type { CheckContext } from "./context.ts";

/** Rows that weigh an ensemble, and others that it is scored on. */
export function checkBaselines(context: CheckContext): void {
  const { baselines, data, evaluate } = context.experiment;
  const place = `baselines.${baselines.indexOf("ensemble")}`;
  if (!baselines.includes("ensemble")) return;
  if (data.validation === undefined) {
    const message = "how much model and classifier count is chosen on validation rows, and there are none";
    const help = "add data.validation, such as {fraction: 0.1}, or leave ensemble out";
    context.error(place, "needs-validation", message, help);
  }
  if (evaluate.split === "validation") {
    const message = "validation rows choose how much model and classifier count: the ensemble cannot be scored on them";
    context.error(place, "scored-on-choice", message, "write evaluate: {split: test}, or leave ensemble out");
  }
}

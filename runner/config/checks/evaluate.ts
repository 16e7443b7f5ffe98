import type { CheckContext } from "./context.ts";

/** Rows to evaluate on, and validation rows for selection. */
export function checkEvaluate(context: CheckContext): void {
  const { data, evaluate } = context.experiment;
  if (evaluate.split === "test" && data.test === undefined) {
    const help = "add data.test, or set evaluate: {split: validation}";
    context.error("data:", "missing-key", "data.test is missing, and evaluate.split is test", help);
  }
  if (evaluate.split === "validation" && data.validation === undefined) {
    const help = "add data.validation, such as {fraction: 0.1}";
    context.error(
      "evaluate.split",
      "needs-validation",
      "data.validation is missing, and evaluate.split is validation",
      help,
    );
  }
  if (context.select !== undefined && data.validation === undefined) {
    const message = "sweep.select needs validation rows, and data.validation is missing";
    const help = "add data.validation, such as {fraction: 0.1}";
    context.add([{ severity: "error", code: "needs-validation", message, span: context.select, help }]);
  }
  if (!evaluate.metrics.includes(evaluate.primary.metric) && context.wrote("evaluate.metrics")) {
    const message = `evaluate.metrics lacks the primary metric ${evaluate.primary.metric}`;
    context.error("evaluate.metrics:", "primary-not-shown", message, `add ${evaluate.primary.metric} to metrics`);
  }
}

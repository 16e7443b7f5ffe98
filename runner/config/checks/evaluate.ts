import type { CheckContext } from "./context.ts";

/** Rows to score, and selection that does not look at them. */
export function checkEvaluate(context: CheckContext): void {
  const { data, evaluate } = context.experiment;
  if (evaluate.split === "test" && data.test === undefined) {
    const help = "name a test file, or write evaluate: {split: validation}";
    context.error("data:", "missing-key", "data.test is missing: there is nothing to evaluate on", help);
  }
  if (evaluate.split === "validation" && data.validation === undefined) {
    const help = "add data.validation, such as {fraction: 0.1}";
    context.error("evaluate.split", "needs-validation", "there are no validation rows to evaluate on", help);
  }
  if (context.select !== undefined && data.validation === undefined) {
    const message = "a winner is chosen on validation rows, and there are none";
    const help = "add data.validation, such as {fraction: 0.1}";
    context.add([{ severity: "error", code: "needs-validation", message, span: context.select, help }]);
  }
  if (!evaluate.metrics.includes(evaluate.primary.metric) && context.wrote("evaluate.metrics")) {
    const message = `the primary metric ${evaluate.primary.metric} is not among the metrics`;
    context.error("evaluate.metrics:", "primary-not-shown", message, `add ${evaluate.primary.metric} to metrics`);
  }
}

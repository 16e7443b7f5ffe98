import { basename } from "node:path";
import type { Experiment } from "../../plugins/experiment.ts";
import type { CheckContext } from "./context.ts";

/** Experiments to stand beside this one: they are there, they are right, and they are scored on the same cases in the same way. */
export function checkCompare(context: CheckContext): void {
  const { experiment, compared } = context;
  if (compared === undefined) return;
  const names = new Set([experiment.name]);
  const refusal = (path: string): Refusal | undefined => {
    const file = basename(path);
    if (context.files.kind(path) !== "file") {
      const help = "write the name of a YAML file in the same folder";
      return { code: "missing-file", message: `there is no experiment ${file} beside this one`, help };
    }
    if (path === context.file) return { message: "this is the experiment itself", help: "leave it out" };
    const other = compared(path);
    context.add(other.ok ? other.warnings : other.diagnostics);
    if (!other.ok) return undefined;
    const { name, points, sweep } = other.value;
    if (sweep !== undefined) {
      const help = "name an experiment that is one run, such as the sweep's winner in a file of its own";
      return { message: `${file} is a sweep of ${points.length} runs`, help };
    }
    if (names.has(name)) {
      const message = `${file} is called "${name}" too: its arms could not be told apart`;
      return { message, help: "give each experiment a name of its own" };
    }
    names.add(name);
    const differing = differences(experiment, (points[0] as (typeof points)[0]).experiment);
    if (differing.length === 0) return undefined;
    const message = `the runs are not comparable: ${file} differs in ${differing.join(", ")}`;
    return { message, help: "score both on the same cases, read in the same way, or leave it out" };
  };
  for (const [index, path] of experiment.compare.entries()) {
    const found = refusal(path);
    if (found) context.error(`compare.${index}`, found.code ?? "not-comparable", found.message, found.help);
  }
}

type Refusal = { readonly code?: string; readonly message: string; readonly help: string };

/** Keys that two experiments must share for a comparison case by case, and that differ. */
function differences(own: Experiment, other: Experiment): readonly string[] {
  const scored = ({ task, data, evaluate }: Experiment): Readonly<Record<string, unknown>> => ({
    task,
    "evaluate.split": evaluate.split,
    ...(evaluate.split === "test"
      ? { "data.test": data.test }
      : { "data.train": data.train, "data.validation": data.validation }),
    "data.columns.id": data.columns.id,
    "data.columns.target": data.columns.target,
    "data.labels.separator": data.labels?.separator,
    "data.labels.synonyms": data.labels?.synonyms,
  });
  const theirs = scored(other);
  return Object.entries(scored(own))
    .filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(theirs[key]))
    .map(([key]) => key);
}
